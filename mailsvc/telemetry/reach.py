"""Whether mails get anywhere at all, told from how attempts end.

Any word of a server about a mail, good or bad, shows that delivery works. Where round after round ends without one,
the way out is in trouble. One dead recipient site is no such trouble: without a relay, several sites must be silent.
What was seen counts for `REMEMBERED` only: a process that is given no mails for a while no longer knows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mailsvc.domain.event import Event
from mailsvc.domain.instant import rfc3339
from mailsvc.domain.outcome import Category
from mailsvc.telemetry.attempts import NewAttempts

#: So many rounds with the relay, or rounds with so many recipient domains, end without a word before it is trouble.
ENOUGH = 3
#: Seconds after the last silent attempt for which the trouble is believed in; retries are up to 70 s apart.
REMEMBERED = 120.0


class Reach:
    """Follows the events of one process."""

    def __init__(self, *, one_way: bool) -> None:
        """``one_way`` tells whether all mail goes to one server, the operator's relay."""
        self._one_way = one_way
        self._new = NewAttempts()
        self._silent: set[str] = set()
        self._since = self._latest = 0.0
        self._why = ""

    def observe(self, events: Sequence[Event]) -> None:
        """Follow committed events."""
        for event in events:
            for attempt in self._new.of(event):
                self._follow(event, attempt)

    def problem(self, now: float) -> str | None:
        """Say why no mail gets anywhere; None where some do, or nothing is known."""
        if len(self._silent) < ENOUGH or now - self._latest > REMEMBERED:
            return None
        return f"no server has said a word about a mail since {rfc3339(self._since)}: {self._why}"

    def _follow(self, event: Event, attempt: Mapping[str, Any]) -> None:
        if attempt["category"] == Category.NETWORK_ERROR:
            self._note_silence(event, attempt)
        elif attempt["host"] and attempt["category"] != Category.UNKNOWN:  # an end of our own making tells nothing
            self._silent.clear()

    def _note_silence(self, event: Event, attempt: Mapping[str, Any]) -> None:
        if event.at - self._latest > REMEMBERED:
            self._silent.clear()
        if not self._silent:
            self._since = event.at
        self._latest = event.at
        # What went wrong at a recipient's site may name the recipient's domain, and this is read without a key.
        self._why = attempt["reply"] if self._one_way else f"the last attempt ended at stage {attempt['stage']}"
        if len(self._silent) < ENOUGH:
            site = (event.address or "").rpartition("@")[2].lower()
            self._silent.add(event.id if self._one_way else site)
