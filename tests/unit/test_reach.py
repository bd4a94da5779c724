"""When delivery is said to get nowhere (`/readyz`)."""

from typing import Any

import pytest

from mailsvc.domain.event import Event, EventType
from mailsvc.domain.outcome import Category, Permanence, Scope
from mailsvc.domain.reply import Stage
from mailsvc.telemetry.reach import REMEMBERED, Reach
from tests.support.domain import NOW, attempt
from tests.support.events import event

SILENT: dict[str, Any] = {
    "category": Category.NETWORK_ERROR,
    "scope": Scope.SESSION,
    "stage": Stage.CONNECT,
    "reply": "Connection refused",
}
OWN = {"category": Category.UNKNOWN, "reply": "it was superseded, cancelled or taken over"}


def silent(number: int, *, at: float = NOW, to: str = "taro@docomo.ne.jp") -> Event:
    """Return the event of a message's first round, which no server answered."""
    return event(EventType.MESSAGE_DEFERRED, attempt(**SILENT), at=at, to=to, id=f"msg_{number}")


def ended(**fields: Any) -> Event:
    """Return the event of another message's round."""
    return event(EventType.MESSAGE_DEFERRED, attempt(**fields), id="msg_other")


def after(*events: Event, one_way: bool = True, now: float = NOW) -> str | None:
    """Return what is said after these events."""
    reach = Reach(one_way=one_way)
    for each in events:
        reach.observe([each])
    return reach.problem(now)


def test_relay_that_is_silent_three_times_is_trouble() -> None:
    """Two silent rounds may be chance, three are not; the words say since when, and why."""
    assert after(silent(1), silent(2)) is None
    assert after(silent(1), silent(2, at=NOW + 1), silent(3, at=NOW + 2), now=NOW + 3) == (
        "no server has said a word about a mail since 2026-11-23T01:15:42.500Z: Connection refused"
    )


def test_same_attempt_told_again_is_one() -> None:
    """At risk and cancelled tell of the round before: they are no rounds."""
    again = (EventType.MESSAGE_AT_RISK, EventType.MESSAGE_CANCELLED)
    assert after(silent(1), silent(2), *(event(type_, attempt(**SILENT), id="msg_1") for type_ in again)) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"permanence": Permanence.DELIVERED, "category": Category.DELIVERED},
        {"category": Category.REMOTE_TEMPORARY},
        {"permanence": Permanence.PERMANENT, "category": Category.USER_UNKNOWN},
    ],
    ids=["delivered", "deferred", "refused"],
)
def test_any_word_of_a_server_ends_the_trouble(fields: dict[str, Any]) -> None:
    """A refusal shows as well as a 250 that mails get somewhere."""
    events = silent(1), silent(2), silent(3)
    assert after(*events) is not None
    assert after(*events, ended(**fields)) is None


def test_end_of_our_own_making_says_nothing() -> None:
    """A mail that was called back, or did not pass our own check, shows neither."""
    refused = ended(category=Category.CONTENT_REJECTED, host=None)
    assert after(silent(1), silent(2), silent(3), ended(**OWN), refused) is not None
    assert after(silent(1), silent(2), ended(**OWN), refused) is None


def test_one_dead_site_is_no_trouble_of_the_service() -> None:
    """Without a relay three recipient domains must be silent, and none of them is named."""
    domains = ("one.example.jp", "two.example.jp", "three.example.jp")
    assert after(*(silent(number) for number in range(9)), one_way=False) is None
    said = after(*(silent(number, to=f"a@{domain}") for number, domain in enumerate(domains)), one_way=False)
    assert said is not None
    assert said.endswith(": the last attempt ended at stage connect")


def test_trouble_is_forgotten_when_nothing_is_tried() -> None:
    """A process that gets no mails because it said that it is not ready must become ready again."""
    events = silent(1), silent(2), silent(3)
    assert after(*events, now=NOW + REMEMBERED) is not None
    assert after(*events, now=NOW + REMEMBERED + 1) is None
    late = NOW + REMEMBERED + 1
    assert after(*events, silent(4, at=late), now=late) is None
