"""An endpoint as the rest of the room sees it."""

from dataclasses import dataclass, field
from typing import Protocol

from mailsvc.domain.event import EventType
from mailsvc.domain.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An endpoint that is configured."""

    number: int  #: from 1, in the order of the configuration: its name in metrics
    key: str  #: what the store knows it by
    url: str = field(repr=False)  #: with user and password, where it has them
    shown: str  #: its URL without user part and query
    secrets: tuple[Secret, ...]  #: ``whsec_…``; every one signs
    types: frozenset[EventType]  #: the event types it gets

    @property
    def chosen(self) -> tuple[EventType, ...]:
        """The types to ask the log for; empty: all."""
        return () if len(self.types) == len(EventType) else tuple(sorted(self.types))


class Observer(Protocol):
    """Is told what operators want to see; `telemetry.metrics` is one."""

    def observe_webhook(self, endpoint: str, *, lag: float, parked: int) -> None:
        """Take the age of the oldest event that waits (seconds), and how many are parked."""

    def count_webhook(self, endpoint: str, result: str) -> None:
        """Count what came of a request, or that events were gone before they were sent."""
