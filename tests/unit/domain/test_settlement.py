"""What an attempt's end does to its message: every combination, against expectations written on their own."""

import itertools

import pytest

from mailsvc.domain.event import EventType
from mailsvc.domain.message import MessageState, Revocation
from mailsvc.domain.outcome import Category, Permanence, Scope
from mailsvc.domain.settlement import TELLING, Settlement, expire, give_up, settle
from tests.support.domain import NOW, attempt, message

REVOKED = [None, Revocation.SUPERSEDED, Revocation.CANCELLED]
#: Seconds of life left when the attempt ended: far from, at and around each limit of 20, 30, 35 and 60 s.
LEFT = [290.0, 61.0, 60.5, 60.0, 59.5, 36.0, 35.5, 35.0, 34.5, 30.5, 30.0, 29.5, 20.0, 1.0, 0.0, -5.0]
#: What is left of a code decides: a repeat of an ambiguous one, a repeat at once, a retry.
REPEATED = {290.0, 61.0, 60.5}
AT_ONCE = REPEATED | {60.0, 59.5, 36.0, 35.5, 35.0, 34.5, 30.5, 30.0}
LATER = REPEATED | {60.0, 59.5, 36.0, 35.5}
#: The life with which a queued message that nothing revokes goes on.
ENOUGH = {
    Permanence.AMBIGUOUS: REPEATED,
    Permanence.STOPPED: AT_ONCE,
    Permanence.TRANSIENT: LATER,
    Permanence.DELIVERED: set(),
    Permanence.PERMANENT: set(),
}
#: The same where a copy may have arrived before.
ENOUGH_AFTER_A_COPY = {
    Permanence.AMBIGUOUS: set(),
    Permanence.STOPPED: REPEATED,
    Permanence.TRANSIENT: {290.0},
    Permanence.DELIVERED: set(),
    Permanence.PERMANENT: set(),
}
ENDS = {
    Permanence.DELIVERED: "sent",
    Permanence.PERMANENT: "failed",
    Permanence.AMBIGUOUS: "unknown",
    Permanence.STOPPED: "expired",
    Permanence.TRANSIENT: "expired",
}
LOST = "the line was lost after the dot"
WALK = list(itertools.product(Permanence, REVOKED, LEFT, [0, 1, 2], [False, True]))


def _settle(
    permanence: Permanence, left: float, *, state: MessageState = MessageState.QUEUED, is_code: bool = True,
    revoked: Revocation | None = None, ambiguous: int = 0, at_risk: bool = False,
) -> Settlement:  # fmt: skip
    row = message(
        accepted_at=NOW + left - 300, expires_at=NOW + left, is_code=is_code, state=state, revoked=revoked,
        ambiguous=ambiguous, at_risk=at_risk,
    )  # fmt: skip
    before = [attempt(Permanence.AMBIGUOUS, reply=LOST)] * ambiguous
    return settle(row, [*before, attempt(permanence)], now=NOW, jitter=0.5)


@pytest.mark.parametrize("state", [state for state in MessageState if state.final])
def test_final_message_never_changes(state: MessageState) -> None:
    """A message that has ended is not touched by any attempt, at any time."""
    for permanence, revoked, left, ambiguous, at_risk in WALK:
        settled = _settle(permanence, left, state=state, revoked=revoked, ambiguous=ambiguous, at_risk=at_risk)
        assert settled == Settlement(None, None, ())


@pytest.mark.parametrize("permanence", Permanence)
def test_queued_message_goes_on_or_ends(permanence: Permanence) -> None:
    """A queued message either has a next try and one event, or ends in the state that its case asks for."""
    for case in (case for case in WALK if case[0] is permanence):
        _, revoked, left, ambiguous, at_risk = case
        settled = _settle(permanence, left, revoked=revoked, ambiguous=ambiguous, at_risk=at_risk)
        enough = ENOUGH_AFTER_A_COPY if ambiguous else ENOUGH
        if revoked is None and left in enough[permanence]:
            assert settled.outcome is None, case
            assert settled.events == (EventType.MESSAGE_DEFERRED,), case
            _check_next(permanence, left - 62 if ambiguous else left - 35, settled.next_attempt_at)
        else:
            _check_end(case, settled)


def _check_next(permanence: Permanence, latest: float, at: float | None) -> None:
    assert at is not None
    if permanence is Permanence.TRANSIENT:
        assert NOW + 2 <= at <= NOW + max(latest, 2)
    else:
        assert at == NOW


def _check_end(case: tuple[Permanence, Revocation | None, float, int, bool], settled: Settlement) -> None:
    permanence, revoked, left, ambiguous, at_risk = case
    overruled = revoked and permanence not in (Permanence.DELIVERED, Permanence.AMBIGUOUS)
    state = revoked.value if revoked and overruled else ENDS[permanence]
    no_try_fits = state == "expired"
    if ambiguous and state != "sent":
        state = "unknown"
    assert settled.outcome is not None, case
    assert settled.next_attempt_at is None, case
    assert settled.outcome.state == state, case
    assert settled.outcome.at == NOW
    late = no_try_fits or (left <= 150 and state != "sent" and revoked is None)
    warned = ["message.at_risk"] if late and not at_risk else []
    assert list(settled.events) == [*warned, f"message.{state}"], case


@pytest.mark.parametrize(
    ("permanence", "revoked", "category", "cause"),
    [
        (Permanence.DELIVERED, None, Category.DELIVERED, None),
        (Permanence.DELIVERED, Revocation.SUPERSEDED, Category.DELIVERED, None),
        (Permanence.PERMANENT, None, Category.REMOTE_TEMPORARY, None),
        (Permanence.PERMANENT, Revocation.CANCELLED, None, None),
        (Permanence.AMBIGUOUS, None, None, None),
        (Permanence.TRANSIENT, Revocation.SUPERSEDED, None, None),
        (Permanence.TRANSIENT, None, Category.EXPIRED, Category.REMOTE_TEMPORARY),
        (Permanence.STOPPED, None, Category.EXPIRED, None),
    ],
)
def test_outcome_has_category_and_cause(
    permanence: Permanence, revoked: Revocation | None, category: Category | None, cause: Category | None
) -> None:
    """Sent and failed carry what the attempt says, expired its cause; superseded, cancelled and unknown nothing."""
    outcome = _settle(permanence, 1.0, revoked=revoked).outcome
    assert outcome is not None
    assert (outcome.category, outcome.cause) == (category, cause)


def test_outcome_keeps_the_last_words_and_the_relay() -> None:
    """How a message ended carries the reply and whether it was a relay's."""
    row = message()
    tried = attempt(Permanence.DELIVERED, reply="250 2.0.0 queued", relayed=True)
    outcome = settle(row, [tried], now=NOW, jitter=0.0).outcome
    assert outcome is not None
    assert (outcome.reply, outcome.relayed) == ("250 2.0.0 queued", True)


@pytest.mark.parametrize("after", [10.0, 149.0, 150.0, 310.0])
@pytest.mark.parametrize("at_risk", [True, False])
def test_message_whose_half_life_nobody_saw_is_at_risk_before_it_ends(after: float, at_risk: bool) -> None:  # noqa: FBT001  a parameter
    """Found after a restart, expired or perhaps arrived: the warning comes first, and once."""
    now, row = NOW + after, message(at_risk=at_risk)
    half = [] if at_risk or after < 150 else [EventType.MESSAGE_AT_RISK]
    lost = [attempt(Permanence.AMBIGUOUS, reply=LOST)] * 2
    unknown = settle(message(ambiguous=1, at_risk=at_risk), lost, now=now, jitter=0.0)
    assert list(unknown.events) == [*half, EventType.MESSAGE_UNKNOWN]
    failed = give_up(row, [attempt()], "its key is gone", now=now)
    assert list(failed.events) == [*half, EventType.MESSAGE_FAILED]
    expired = expire(row, [attempt()], now=now)
    assert list(expired.events) == [*([] if at_risk else [EventType.MESSAGE_AT_RISK]), EventType.MESSAGE_EXPIRED]
    sent = settle(row, [attempt(Permanence.DELIVERED)], now=now, jitter=0.0)
    assert sent.events == (EventType.MESSAGE_SENT,)


_STOPPED = (Permanence.STOPPED, Category.UNKNOWN)


def _met(category: Category) -> tuple[Permanence, Category]:
    return Permanence.TRANSIENT, category


@pytest.mark.parametrize(
    ("met", "cause"),
    [
        ([], None),
        ([_STOPPED], None),
        ([_met(Category.GREYLISTED)], Category.GREYLISTED),
        ([_met(Category.GREYLISTED), _STOPPED], Category.GREYLISTED),
        ([_met(Category.GREYLISTED), _met(Category.NETWORK_ERROR)], Category.GREYLISTED),
        ([_met(Category.NETWORK_ERROR), _met(Category.GREYLISTED), _STOPPED], Category.GREYLISTED),
        ([_met(Category.REMOTE_TEMPORARY), _met(Category.NETWORK_ERROR)], Category.REMOTE_TEMPORARY),
        ([_met(Category.RATE_LIMITED), _met(Category.REMOTE_TEMPORARY)], Category.RATE_LIMITED),
        ([_met(Category.MAILBOX_FULL), _met(Category.GREYLISTED)], Category.MAILBOX_FULL),
        ([_met(Category.REMOTE_TEMPORARY), (Permanence.PERMANENT, Category.REMOTE_ERROR)], Category.REMOTE_TEMPORARY),
        ([_met(Category.NETWORK_ERROR)] * 3, Category.NETWORK_ERROR),
        ([_met(Category.EXPIRED)], None),  # 451 4.4.7 of a relay
        ([_met(Category.NETWORK_ERROR), _met(Category.EXPIRED)], Category.NETWORK_ERROR),
    ],
)
def test_expired_message_names_what_tells_most(met: list[tuple[Permanence, Category]], cause: Category | None) -> None:
    """A dead second host behind a greylist does not hide it; a try that our own gate stopped says nothing."""
    tries = [attempt(permanence, category=category) for permanence, category in met]
    outcome = expire(message(), tries, now=NOW).outcome
    assert outcome is not None
    assert (outcome.state, outcome.category, outcome.cause) == (MessageState.EXPIRED, Category.EXPIRED, cause)


def test_every_category_that_says_why_has_its_place_among_the_causes() -> None:
    """What says how a mail ended, or is never said of an attempt, is no cause."""
    never = {Category.DELIVERED, Category.EXPIRED, Category.DELAYED, Category.COMPLAINT, Category.AUTO_REPLY}
    assert sorted(TELLING) == sorted(set(Category) - never)


LATER_ENDS = [Permanence.PERMANENT, Permanence.TRANSIENT, Permanence.STOPPED]


@pytest.mark.parametrize("later", LATER_ENDS)
@pytest.mark.parametrize("revoked", REVOKED)
@pytest.mark.parametrize("left", [60.0, 1.0, -5.0])
def test_message_that_may_have_arrived_ends_as_unknown(
    later: Permanence, revoked: Revocation | None, left: float
) -> None:
    """No later refusal, and no deadline, takes back what may have arrived; the outcome says how it may have."""
    outcome = _settle(later, left, revoked=revoked, ambiguous=1).outcome
    assert outcome is not None
    assert (outcome.state, outcome.category, outcome.cause, outcome.reply) == ("unknown", None, None, LOST)


@pytest.mark.parametrize("scope", Scope)
def test_refusal_of_the_repeat_is_no_verdict_on_the_first_copy(scope: Scope) -> None:
    """A 5yz to the second copy ends the message as unknown at once, whomever it is about, also with a second route."""
    tries = [attempt(Permanence.AMBIGUOUS, reply=LOST), attempt(Permanence.PERMANENT, scope=scope)]
    settled = settle(message(ambiguous=1), tries, now=NOW + 10, jitter=0.0, has_fallback=True)
    assert settled.outcome is not None
    assert (settled.outcome.state, settled.events) == ("unknown", (EventType.MESSAGE_UNKNOWN,))


@pytest.mark.parametrize("is_code", [True, False])
def test_message_that_may_have_arrived_does_not_expire_and_does_not_fail(is_code: bool) -> None:  # noqa: FBT001  a parameter
    """Where no further try is made, or none can be, the end is unknown after an ambiguous attempt."""
    row, tries = message(is_code=is_code, ambiguous=1), [attempt(Permanence.AMBIGUOUS, reply=LOST), attempt()]
    for settled in (expire(row, tries, now=NOW + 250), give_up(row, tries, "its key is gone", now=NOW + 10)):
        assert settled.events[-1] == EventType.MESSAGE_UNKNOWN
        assert settled.outcome is not None
        assert (settled.outcome.state, settled.outcome.category, settled.outcome.reply) == ("unknown", None, LOST)


def test_message_that_was_repeated_with_success_is_sent() -> None:
    """The second copy's 250 is the end, whatever became of the first."""
    assert _settle(Permanence.DELIVERED, 10.0, ambiguous=1).outcome == _settle(Permanence.DELIVERED, 10.0).outcome


@pytest.mark.parametrize(
    ("permanence", "left", "goes_on"),
    [
        (Permanence.TRANSIENT, 36.0, True),
        (Permanence.TRANSIENT, 34.0, False),
        (Permanence.STOPPED, 2.0, True),
        (Permanence.STOPPED, -0.5, False),
    ],
)
def test_notice_goes_on_while_a_try_fits(permanence: Permanence, left: float, goes_on: bool) -> None:  # noqa: FBT001  a parameter
    """A notice has no guard: a try that was stopped is made again up to its deadline."""
    settled = _settle(permanence, left, is_code=False)
    assert (settled.next_attempt_at is not None) == goes_on
    assert (settled.outcome is None) == goes_on
