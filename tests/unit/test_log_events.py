"""The line of each event in the log: what ended a message, and where its time went."""

from dataclasses import replace

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


def test_line_on_the_way_tells_what_the_last_attempt_came_to() -> None:
    """Only the end of a message tells its times, so that each message is added up once."""
    with structlog.testing.capture_logs() as lines:
        log_events([event(EventType.MESSAGE_ACCEPTED), event(EventType.MESSAGE_DEFERRED, FIRST)])
    assert [(line["event"], line["category"], line["destination"]) for line in lines] == [
        ("message.accepted", None, None),
        ("message.deferred", "remote_temporary", "docomo.ne.jp"),
    ]
    assert not any("seconds" in line for line in lines)


def test_message_without_an_attempt_ends_with_a_total() -> None:
    """A code that is cancelled before it is tried has been nowhere."""
    with structlog.testing.capture_logs() as lines:
        log_events([event(EventType.MESSAGE_CANCELLED, at=NOW + 1)])
    assert (lines[0]["destination"], lines[0]["seconds"]) == (None, {"total": 1.0})


def test_site_that_lets_codes_vanish_is_named() -> None:
    """An event that is about a site has no message."""
    raised = replace(event(EventType.MESSAGE_ACCEPTED), type=EventType.DESTINATION_SILENT_DISCARD, message=None)
    with structlog.testing.capture_logs() as lines:
        log_events([replace(raised, data={"destination": "docomo.ne.jp", "state": "raised"})])
    line = {name: value for name, value in lines[0].items() if value not in (None, 0)}
    assert line == {
        "event": "destination.silent_discard",
        "log_level": "info",
        "state": "raised",
        "destination": "docomo.ne.jp",
    }
