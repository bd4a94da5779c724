"""Which codes count for the share that came on time, and how (docs/reference/metrics.md)."""

import pytest

from mailsvc.domain.event import EventType
from mailsvc.domain.message import MessageState, Outcome
from mailsvc.domain.outcome import Category, Permanence
from mailsvc.domain.view import message_view
from mailsvc.telemetry.on_time import judge
from tests.support.domain import NOW, attempt, message
from tests.support.events import event

FULL = attempt(category=Category.MAILBOX_FULL)
BUSY = attempt(category=Category.REMOTE_TEMPORARY)
LOST = attempt(Permanence.AMBIGUOUS, category=Category.NETWORK_ERROR)
RECIPIENTS = {
    *("user_unknown", "domain_unknown", "mailbox_disabled"),
    *("mailbox_full", "recipient_refused", "unknown_or_refused"),
}


@pytest.mark.parametrize(
    ("seconds", "judgement"), [(0.2, "on_time"), (60.0, "on_time"), (60.001, "late"), (290.0, "late")]
)
def test_code_that_was_taken_is_on_time_for_a_minute(seconds: float, judgement: str) -> None:
    """From the acceptance to the 250; the minute itself is on time."""
    sent = event(EventType.MESSAGE_SENT, attempt(Permanence.DELIVERED), at=NOW + seconds)
    assert judge(sent.data) == judgement


@pytest.mark.parametrize("category", Category)
def test_refused_code_is_missed_unless_its_recipient_is_to_blame(category: Category) -> None:
    """Nobody could deliver to a mailbox that is not there, is full, or wants no mail of ours."""
    told = {"state": MessageState.FAILED, "outcome": Outcome(state=MessageState.FAILED, at=NOW, category=category)}
    assert judge(message_view(message(**told), [BUSY])) == (None if category in RECIPIENTS else "missed")


@pytest.mark.parametrize(
    ("cause", "judgement"), [(Category.MAILBOX_FULL, None), (Category.GREYLISTED, "missed"), (None, "missed")]
)
def test_expired_code_is_judged_by_the_cause(cause: Category | None, judgement: str | None) -> None:
    """That it expired says how it ended; what stood behind it says whose fault it was."""
    outcome = Outcome(state=MessageState.EXPIRED, at=NOW + 300, category=Category.EXPIRED, cause=cause)
    assert judge(message_view(message(state=MessageState.EXPIRED, outcome=outcome), [])) == judgement


@pytest.mark.parametrize("type_", [EventType.MESSAGE_SUPERSEDED, EventType.MESSAGE_CANCELLED])
def test_withdrawn_code_is_missed_when_its_minute_was_over(type_: EventType) -> None:
    """Who asks for another code after a minute has waited for the first in vain, unless the mailbox is full."""
    assert judge(event(type_, BUSY, at=NOW + 60).data) is None
    assert judge(event(type_, BUSY, at=NOW + 61).data) == "missed"
    assert judge(event(type_, FULL, at=NOW + 61).data) is None
    assert judge(event(type_, at=NOW + 61).data) == "missed"


def test_code_of_which_nobody_knows_is_missed() -> None:
    """An ambiguous end is no delivery."""
    assert judge(event(EventType.MESSAGE_UNKNOWN, LOST).data) == "missed"


def test_notice_is_not_judged() -> None:
    """A notice has days."""
    assert judge(event(EventType.MESSAGE_EXPIRED, is_code=False).data) is None
