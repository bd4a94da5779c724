"""Which attempts of an event are new.

An event carries the full state of its message, so the same attempts come again with every later event. What is
remembered is a number per queued message, dropped with its final event.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mailsvc.domain.event import Event, EventType

#: Queued messages that are remembered; of more, the one that was silent for longest is forgotten.
REMEMBERED = 100_000

#: What an attempt's end brings about; the others may come without one.
_AFTER_ATTEMPT = frozenset(
    {EventType.MESSAGE_DEFERRED, EventType.MESSAGE_SENT, EventType.MESSAGE_FAILED, EventType.MESSAGE_UNKNOWN}
)


class NewAttempts:
    """Tells each attempt once; for one reader of the log."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}

    def of(self, event: Event) -> Sequence[Mapping[str, Any]]:
        """Return the attempts (as CONTRACT 3.2 shows them) that no earlier event of the message has told."""
        if not event.message or "attempts" not in event.data:
            return ()
        attempts: Sequence[Mapping[str, Any]] = event.data["attempts"]
        told = self._told.pop(event.message, None)
        if event.data["state"] == "queued":
            self._remember(event.message, len(attempts))
        if told is None:  # from before this process; what was told then stays told
            return attempts[-1:] if event.type in _AFTER_ATTEMPT else ()
        return attempts[told:]

    def _remember(self, message: str, told: int) -> None:
        if len(self._told) >= REMEMBERED:
            del self._told[next(iter(self._told))]
        self._told[message] = told
