"""What is told of a message from its view (CONTRACT 3.2): where it went, and when it has ended, how long it took."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from mailsvc.domain.event import EventType
from mailsvc.domain.instant import parse_rfc3339
from mailsvc.domain.message import MessageState

#: The events that end a message; each has one of them.
FINAL = frozenset(EventType(f"message.{state}") for state in MessageState if state.final)


def total_seconds(message: Mapping[str, Any]) -> float:
    """Return how long it took from its acceptance to its end."""
    return parse_rfc3339(message["outcome"]["at"]) - parse_rfc3339(message["accepted_at"])


def stage_seconds(message: Mapping[str, Any]) -> dict[str, float]:
    """Return how much of that all its attempts together spent in each stage; the rest lies between them."""
    spent = Counter[str]()
    for attempt in message["attempts"]:
        spent.update(attempt["seconds"])
    return {stage: round(seconds, 3) for stage, seconds in spent.items()}


def last_attempt(message: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return its last attempt, None where none has ended, or it is no message that an event is about."""
    return message["attempts"][-1] if message.get("attempts") else None


def site(attempt: Mapping[str, Any] | None) -> str | None:
    """Return where an attempt went: the receiving site, of a relay the host; None where it came to none."""
    if attempt is None:
        return None
    name: str | None = attempt["destination"] or attempt["host"]
    return name
