"""The line of each event in the log: what ended a message, and where its time went."""

import pytest
import structlog

from mailsvc.domain.event import EventType
from mailsvc.domain.outcome import Category, Permanence
from mailsvc.telemetry.logs import log_events
from tests.support.domain import NOW, attempt
from tests.support.events import event

FIRST = attempt(destination="docomo.ne.jp", seconds=(("queue", 0.01), ("dns", 0.02), ("transfer", 0.5)))
TAKEN = attempt(
    Permanence.DELIVERED, number=2, category=Category.DELIVERED, destination="docomo.ne.jp",
    seconds=(("connect", 0.1), ("tls", 0.2), ("transfer", 0.25)),
)  # fmt: skip


def test_end_of_a_message_is_one_line_with_its_times() -> None:
    """The stages of all its attempts are added up; the total has the waits between them as well."""
    with structlog.testing.capture_logs() as lines:
        log_events([event(EventType.MESSAGE_SENT, FIRST, TAKEN, at=NOW + 9.5)])
    assert lines == [
        {
            "event": "message.sent",
            "log_level": "info",
            "message": "msg_" + "a" * 28,
            "to": "t***@docomo.ne.jp",
            "state": "sent",
            "template": "login_code",
            "attempts": 2,
            "category": None,
            "cause": None,
            "destination": "docomo.ne.jp",
            "seconds": {"queue": 0.01, "dns": 0.02, "connect": 0.1, "tls": 0.2, "transfer": 0.75, "total": 9.5},
        }
    ]


@pytest.mark.parametrize("type_", [EventType.MESSAGE_ACCEPTED, EventType.MESSAGE_DEFERRED, EventType.MESSAGE_USED])
def test_line_on_the_way_has_no_times(type_: EventType) -> None:
    """Only the end of a message tells them, so that each message is added up once."""
    with structlog.testing.capture_logs() as lines:
        log_events([event(type_, FIRST, state="sent" if type_ is EventType.MESSAGE_USED else None)])
    assert [line["event"] for line in lines] == [type_.value]
    assert "seconds" not in lines[0]


def test_message_without_an_attempt_ends_with_a_total() -> None:
    """A code that is cancelled before it is tried has been nowhere."""
    with structlog.testing.capture_logs() as lines:
        log_events([event(EventType.MESSAGE_CANCELLED, at=NOW + 1)])
    assert (lines[0]["destination"], lines[0]["seconds"]) == (None, {"total": 1.0})
