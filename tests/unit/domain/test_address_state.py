"""The state of an address: every state with every piece of evidence, then the clock, against rules written apart."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.domain.address_state import (
    KEPT,
    AddressState,
    Evidence,
    Record,
    Source,
    Standing,
    Strength,
    as_of,
    claim,
    learn,
    withdraw,
)
from mailsvc.domain.hearing import evidence_of
from mailsvc.domain.outcome import Category, Permanence, Scope
from mailsvc.domain.reply import Stage
from tests.support.domain import NOW, attempt

HOUR, DAY = 3600.0, 86400.0
C, S = Category, AddressState


def said(
    category: Category, at: float = 0.0, message: str | None = "msg_1", source: Source = Source.SMTP, **fields: Any
) -> Evidence:
    """Return evidence that came so many seconds after `NOW`."""
    strength = fields.pop("strength", Strength.STRONG)
    return Evidence(at=NOW + at, source=source, strength=strength, category=category, message=message, **fields)


def reported(category: Category, at: float = 0.0, message: str = "msg_1", *, weak: bool = False) -> Evidence:
    """Return what a report says."""
    return said(category, at, message, Source.REPORT, strength=Strength.WEAK if weak else Strength.STRONG)


def taken(at: float) -> Evidence:
    """Return a 250."""
    return said(C.DELIVERED, at)


def after(*told: Evidence, record: Record = Record()) -> Record:  # noqa: B008  it is frozen
    """Return what is known after some evidence, each learned when it was said."""
    for one in told:
        record = learn(record, one, one.at)
    return record


def state_at(record: Record, at: float) -> AddressState:
    """Return the state so many seconds after `NOW`."""
    return as_of(record, NOW + at).standing.state


#: A record in each state, all of it said a day before, or an hour before where a day would be too long.
BEFORE = {
    S.UNKNOWN: Record(),
    S.DELIVERABLE: after(taken(-DAY)),
    S.MAILBOX_FULL: after(said(C.MAILBOX_FULL, -HOUR, "msg_0")),
    S.REFUSED: after(said(C.RECIPIENT_REFUSED, -DAY, "msg_0")),
    S.SUSPECT: after(said(C.MAILBOX_DISABLED, -DAY, "msg_0")),
    S.UNDELIVERABLE: after(said(C.USER_UNKNOWN, -DAY, "msg_0"), said(C.USER_UNKNOWN, -DAY + 60, "msg_00")),
    S.COMPLAINED: after(reported(C.COMPLAINT, -DAY, "msg_0")),
}
#: What one piece of evidence alone makes of an address; the rest says nothing.
SMTP = {
    C.USER_UNKNOWN: S.SUSPECT,
    C.DOMAIN_UNKNOWN: S.SUSPECT,
    C.MAILBOX_DISABLED: S.SUSPECT,
    C.UNKNOWN_OR_REFUSED: S.SUSPECT,
    C.RECIPIENT_REFUSED: S.REFUSED,
    C.MAILBOX_FULL: S.MAILBOX_FULL,
}
ALONE = {
    (Source.SMTP, Strength.STRONG): SMTP,
    (Source.SMTP, Strength.WEAK): SMTP,
    (Source.REPORT, Strength.STRONG): SMTP | {C.COMPLAINT: S.COMPLAINED},
    (Source.REPORT, Strength.WEAK): SMTP,
    (Source.DNS, Strength.STRONG): {C.DOMAIN_UNKNOWN: S.SUSPECT},
    (Source.DNS, Strength.WEAK): {C.DOMAIN_UNKNOWN: S.SUSPECT},
}
WORST_FIRST = [S.UNDELIVERABLE, S.COMPLAINED, S.SUSPECT, S.REFUSED, S.MAILBOX_FULL, S.DELIVERABLE, S.UNKNOWN]


def expected(before: AddressState, source: Source, strength: Strength, category: Category) -> AddressState:
    """Return the state that the contract asks for."""
    if source in (Source.USED, Source.OPERATOR):
        return S.DELIVERABLE
    if category is C.DELIVERED and source is Source.SMTP:
        return before if before is S.COMPLAINED else S.DELIVERABLE
    told = ALONE[source, strength].get(category)
    return before if told is None else min(before, told, key=WORST_FIRST.index)


@pytest.mark.parametrize("before", AddressState)
@pytest.mark.parametrize(("source", "strength"), list(itertools.product(Source, Strength)))
def test_every_piece_of_evidence_leads_to_the_state_of_the_contract(
    before: AddressState, source: Source, strength: Strength
) -> None:
    """The worst of what was known and what is said holds; a 250, a used code and an operator clear."""
    assert BEFORE[before].standing.state is before
    for category in Category:
        new = said(category, 0.0, "msg_1", source, strength=strength)
        record = learn(BEFORE[before], new, NOW)
        assert record.standing.state is expected(before, source, strength, category), (before, new)
        _check_invariants(record)


def _check_invariants(record: Record) -> None:
    standing = record.standing
    assert standing.state.flagged == bool(record.evidence) == (standing.category is not None)
    assert (standing.until is not None) == (standing.state.flagged and standing.state is not S.COMPLAINED)
    assert (standing.since is None) == (standing.state is S.UNKNOWN)
    assert len(record.evidence) <= KEPT


OURS = [C.AUTH_FAILED, C.REPUTATION_BLOCKED, C.RATE_LIMITED, C.SPAM_BLOCKED, C.CONTENT_REJECTED, C.MESSAGE_TOO_LARGE]
PASSING = [C.REMOTE_ERROR, C.REMOTE_TEMPORARY, C.NETWORK_ERROR, C.GREYLISTED, C.EXPIRED, C.DELAYED, C.UNKNOWN]


@pytest.mark.parametrize("category", [*OURS, *PASSING, C.AUTO_REPLY])
def test_fault_of_ours_or_passing_trouble_changes_nothing(category: Category) -> None:
    """Whoever says it and however surely, the record stays what it was, piece for piece."""
    for record, (source, strength) in itertools.product(BEFORE.values(), ALONE):
        assert learn(record, said(category, source=source, strength=strength), NOW) == record


SECOND = [
    (said(C.USER_UNKNOWN, 60, "msg_2"), S.UNDELIVERABLE),
    (said(C.USER_UNKNOWN, 59.9, "msg_2"), S.SUSPECT),
    (said(C.USER_UNKNOWN, 60, "msg_1"), S.SUSPECT),
    (said(C.USER_UNKNOWN, 60, None), S.SUSPECT),
    (said(C.USER_UNKNOWN, 7 * DAY - 1, "msg_2"), S.UNDELIVERABLE),
    (said(C.USER_UNKNOWN, 7 * DAY, "msg_2"), S.SUSPECT),
    (said(C.DOMAIN_UNKNOWN, 60, "msg_2", Source.DNS), S.UNDELIVERABLE),
    (said(C.UNKNOWN_OR_REFUSED, 60, "msg_2"), S.SUSPECT),
    (said(C.MAILBOX_DISABLED, 60, "msg_2"), S.SUSPECT),
    (reported(C.USER_UNKNOWN, 60, "msg_2"), S.UNDELIVERABLE),
    (reported(C.USER_UNKNOWN, 60, "msg_1"), S.SUSPECT),
    (reported(C.USER_UNKNOWN, 60, "msg_2", weak=True), S.SUSPECT),
]


@pytest.mark.parametrize("first", [said(C.USER_UNKNOWN), reported(C.USER_UNKNOWN), said(C.DOMAIN_UNKNOWN)], ids=repr)
@pytest.mark.parametrize(("second", "state"), SECOND, ids=repr)
def test_second_message_that_finds_nobody_makes_undeliverable(
    first: Evidence, second: Evidence, state: AddressState
) -> None:
    """Two messages, a minute apart at least, strong sources, the first one still counting; less will not do."""
    record = after(first, second)
    assert record.standing.state is state
    until = 7 * DAY + second.at - NOW
    assert record.standing.until == NOW + until
    assert state_at(record, until - 0.1) is state
    assert state_at(record, until) is S.DELIVERABLE


@pytest.mark.parametrize("category", [C.UNKNOWN_OR_REFUSED, C.MAILBOX_DISABLED])
def test_double_meaning_never_goes_beyond_suspect(category: Category) -> None:
    """However many messages docomo, au or a closed account refuse, no submit is refused for it."""
    record = after(*(said(category, number * HOUR, f"msg_{number}") for number in range(100)))
    assert record.standing.state is S.SUSPECT


def test_weak_reports_never_go_beyond_suspect() -> None:
    """A tag alone, however often it is shown, locks nobody out; nor does it count as the first of two."""
    record = after(*(reported(C.USER_UNKNOWN, number * HOUR, f"msg_{number}", weak=True) for number in range(50)))
    assert record.standing.state is S.SUSPECT
    assert after(said(C.USER_UNKNOWN, 51 * HOUR, "msg_51"), record=record).standing.state is S.SUSPECT


def test_weak_report_of_what_is_known_does_not_prolong_it() -> None:
    """A report without proof about a message that was refused already adds nothing."""
    strong, weak = reported(C.USER_UNKNOWN, 0), reported(C.USER_UNKNOWN, DAY, weak=True)
    assert after(strong, weak) == after(strong)
    assert after(replace(weak, at=NOW), replace(strong, at=NOW + 1)).evidence == (replace(strong, at=NOW + 1),)


@pytest.mark.parametrize(
    ("category", "life"),
    [(C.MAILBOX_FULL, DAY), (C.RECIPIENT_REFUSED, 7 * DAY), (C.USER_UNKNOWN, 7 * DAY), (C.MAILBOX_DISABLED, 7 * DAY)],
)
def test_state_lapses_after_its_time(category: Category, life: float) -> None:
    """Full lasts a day, the others a week, counted from the last time it was said; since stays where it began."""
    record = after(said(category, 0, "msg_1"), said(category, HOUR, "msg_1"))
    assert record.standing.since == NOW
    assert record.standing.until == NOW + HOUR + life
    assert state_at(record, HOUR + life - 0.1) is not S.DELIVERABLE
    lapsed = as_of(record, NOW + 100 * DAY)
    assert lapsed == Record(standing=Standing(state=S.DELIVERABLE, since=NOW + HOUR + life))


def test_lesser_state_shows_when_the_worse_one_lapses() -> None:
    """What is left holds from the instant at which the worse state ended, and ends in its own time."""
    record = after(said(C.MAILBOX_DISABLED, 0, "msg_1"), said(C.RECIPIENT_REFUSED, 2 * DAY, "msg_2"))
    assert record.standing.state is S.SUSPECT
    left = as_of(record, NOW + 8 * DAY).standing
    assert left == Standing(state=S.REFUSED, since=NOW + 7 * DAY, until=NOW + 9 * DAY, category=C.RECIPIENT_REFUSED)


def test_undeliverable_outlives_the_first_of_the_two() -> None:
    """It holds for a week from the second time, although the first one alone would have lapsed before."""
    record = after(said(C.USER_UNKNOWN, 0, "msg_1"), said(C.USER_UNKNOWN, 6 * DAY, "msg_2"))
    for known in (record, after(said(C.RECIPIENT_REFUSED, 9 * DAY, "msg_3"), record=record)):
        assert state_at(known, 12.9 * DAY) is S.UNDELIVERABLE
        assert state_at(known, 17 * DAY) is S.DELIVERABLE
    assert state_at(record, 13 * DAY) is S.DELIVERABLE


def test_proof_that_fails_prolongs_undeliverable() -> None:
    """Each further message that finds nobody makes it last a week from then, whatever has been dropped meanwhile."""
    record = after(*(said(C.USER_UNKNOWN, number * HOUR, f"msg_{number}") for number in range(200)))
    assert record.standing.since == NOW + HOUR
    assert record.standing.until == NOW + 199 * HOUR + 7 * DAY
    assert len(record.evidence) == KEPT


def test_250_clears_what_smtp_and_dns_said() -> None:
    """A mail that went through disproves the dialogues before it, even two of them."""
    full, nobody = said(C.MAILBOX_FULL), said(C.DOMAIN_UNKNOWN, 0, "msg_1", Source.DNS)
    twice = (said(C.USER_UNKNOWN, 0, "msg_1"), said(C.USER_UNKNOWN, 60, "msg_2"))
    for told in ((full,), (nobody,), twice):
        record = after(*told, taken(61))
        assert record == Record(standing=Standing(state=S.DELIVERABLE, since=NOW + 61))


def test_250_clears_what_a_report_said_after_a_quiet_day() -> None:
    """Where mails bounce later, a 250 proves nothing until a day has passed without another report."""
    record = after(reported(C.RECIPIENT_REFUSED), taken(HOUR))
    assert record.standing.until == NOW + HOUR + DAY
    assert state_at(record, HOUR + DAY - 0.1) is S.REFUSED
    assert state_at(record, HOUR + DAY) is S.DELIVERABLE
    later = after(taken(20 * HOUR), record=record)
    assert later.standing.until == NOW + HOUR + DAY  # the first 250 counts


def test_report_within_the_day_makes_the_250_void() -> None:
    """A new report says that the 250 was no delivery: everything reported before counts again in full."""
    record = after(reported(C.USER_UNKNOWN, 0, "msg_1"), taken(HOUR), reported(C.USER_UNKNOWN, HOUR + 5, "msg_2"))
    assert record.standing.state is S.UNDELIVERABLE
    assert record.standing.until == NOW + HOUR + 5 + 7 * DAY
    still = after(said(C.MAILBOX_FULL, 3 * DAY, "msg_3"), record=record)
    assert still.standing.state is S.UNDELIVERABLE


def test_report_after_the_quiet_day_is_a_first_one() -> None:
    """What a quiet day has cleared does not come back with the next report."""
    record = after(reported(C.USER_UNKNOWN, 0, "msg_1"), taken(HOUR), reported(C.USER_UNKNOWN, 3 * DAY, "msg_2"))
    assert record.standing.state is S.SUSPECT
    assert [known.message for known in record.evidence] == ["msg_2"]


def test_250_leaves_a_complaint() -> None:
    """A complaint does not lapse and is not disproved: only use or an operator clears it."""
    record = after(reported(C.COMPLAINT), taken(HOUR))
    assert state_at(record, 1000 * DAY) is S.COMPLAINED
    assert after(said(C.DELIVERED, DAY, "msg_2", Source.USED), record=record).standing.state is S.DELIVERABLE


def test_attempts_of_one_message_are_one_piece() -> None:
    """A mailbox that is full at each of eight tries is full once, as of the last."""
    record = after(*(said(C.MAILBOX_FULL, at) for at in range(8)))
    assert record.evidence == (said(C.MAILBOX_FULL, 7),)
    assert record.standing.since == NOW


def test_withdrawn_evidence_leaves_what_else_is_known() -> None:
    """Taking back the second "nobody" leaves the first; taking back all leaves a deliverable address."""
    first, second = said(C.USER_UNKNOWN, 0, "msg_1"), said(C.USER_UNKNOWN, 60, "msg_2")
    record = after(first, second)
    assert withdraw(record, [second], NOW + 61).standing.state is S.SUSPECT
    assert withdraw(record, [first, second], NOW + 61).standing == Standing(state=S.DELIVERABLE, since=NOW + 61)
    assert withdraw(record, [], NOW + 61) == record


ATTEMPTS = [
    (attempt(Permanence.PERMANENT, category=C.USER_UNKNOWN), Source.SMTP),
    (attempt(Permanence.PERMANENT, category=C.USER_UNKNOWN, stage=Stage.DOT, scope=Scope.MESSAGE), Source.SMTP),
    (attempt(Permanence.PERMANENT, category=C.DOMAIN_UNKNOWN, stage=Stage.DNS), Source.DNS),
    (attempt(Permanence.TRANSIENT, category=C.MAILBOX_FULL), Source.SMTP),
    (attempt(Permanence.DELIVERED, category=C.DELIVERED, stage=Stage.DOT, scope=Scope.MESSAGE), Source.SMTP),
    (attempt(Permanence.TRANSIENT, category=C.USER_UNKNOWN), None),
    (attempt(Permanence.TRANSIENT, category=C.GREYLISTED), None),
    (attempt(Permanence.PERMANENT, category=C.AUTH_FAILED), None),
    (attempt(Permanence.PERMANENT, category=C.USER_UNKNOWN, stage=Stage.MAIL), None),
    (attempt(Permanence.PERMANENT, category=C.USER_UNKNOWN, scope=Scope.HOST), None),
    (attempt(Permanence.PERMANENT, category=C.MAILBOX_FULL, scope=Scope.SESSION), None),
    (attempt(Permanence.STOPPED, category=C.MAILBOX_FULL), None),
    (attempt(Permanence.AMBIGUOUS, category=C.NETWORK_ERROR, stage=Stage.DOT, scope=Scope.SESSION), None),
]


@pytest.mark.parametrize(("tried", "source"), ATTEMPTS, ids=repr)
def test_attempt_is_evidence_where_the_site_spoke_of_the_recipient(tried: Any, source: Source | None) -> None:
    """A lasting refusal at RCPT or later, a full mailbox, a domain that is none, a 250; nothing else."""
    found = evidence_of(tried, "msg_1")
    assert (found and found.source) is source
    if found:
        assert (found.at, found.category, found.stage) == (tried.ended_at, tried.category, tried.stage)
        assert (found.reply, found.message, found.strength) == (tried.reply, "msg_1", Strength.STRONG)


PIECES = st.builds(
    said,
    st.sampled_from(Category),
    st.integers(0, 20).map(lambda days: days * DAY / 2),
    st.sampled_from(["msg_1", "msg_2", "msg_3", None]),
    st.sampled_from(Source),
    strength=st.sampled_from(Strength),
)


@given(told=st.lists(PIECES, max_size=12), at=st.floats(0, 40))
def test_any_history_leaves_a_sound_record(told: list[Evidence], at: float) -> None:
    """Whatever comes, in the order in which it was said, the record holds together, and time alone never worsens it."""
    record = after(*sorted(told, key=lambda one: one.at))
    _check_invariants(record)
    later = as_of(record, max([NOW, *(one.at for one in told)]) + at * DAY)
    _check_invariants(later)
    order = WORST_FIRST.index
    assert order(later.standing.state) >= order(record.standing.state)
    if record.standing.state is S.UNDELIVERABLE:
        hard = {one.message for one in told if one.category.hard and one.strength is Strength.STRONG and claim(one)}
        assert len(hard - {None}) >= 2
