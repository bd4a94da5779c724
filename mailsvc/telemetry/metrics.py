"""Metrics (CONTRACT 3.7): counted from the event log as it grows, exposed in Prometheus' text format.

No address, code or free text ever becomes a label; destinations beyond a bound share one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from mailsvc.domain.event import Event, EventType
from mailsvc.domain.instant import parse_rfc3339
from mailsvc.telemetry.attempts import NewAttempts

#: Distinct values of the label ``destination``; later ones are counted as ``other``.
DESTINATIONS = 100
_SECONDS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300)

_FINAL = frozenset(
    {
        EventType.MESSAGE_SENT,
        EventType.MESSAGE_FAILED,
        EventType.MESSAGE_EXPIRED,
        EventType.MESSAGE_SUPERSEDED,
        EventType.MESSAGE_CANCELLED,
        EventType.MESSAGE_UNKNOWN,
    }
)


class Metrics:
    """The registry of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._messages = self._counter("mailsvc_messages", "Messages by the state they came to", "state")
        self._attempts = self._counter("mailsvc_attempts", "Attempts by what came back", "category")
        self._ambiguous = self._counter("mailsvc_ambiguous", "Attempts whose connection was lost after the dot")
        self._counter(
            "mailsvc_late",
            "Codes whose final dot was written with less life than the guard; 0 while no event tells that instant",
        )
        self._delivery = self._histogram("mailsvc_delivery_seconds", "From accept to 250", "destination")
        self._use = self._histogram("mailsvc_time_to_use_seconds", "From 250 to the code's use", "destination")
        self._queue = self._gauge("mailsvc_queue_messages", "Messages that are not final")
        self._oldest = self._gauge("mailsvc_oldest_unsent_seconds", "Age of the oldest message that is not final")
        self._destinations: set[str] = set()
        self._new = NewAttempts()

    def exposition(self) -> bytes:
        """Return all metrics as text."""
        return generate_latest(self._registry)

    def observe_queue(self, messages: int, oldest: float) -> None:
        """Set what only a look at the store tells."""
        self._queue.set(messages)
        self._oldest.set(oldest)

    def observe(self, events: Sequence[Event]) -> None:
        """Count committed events."""
        for event in events:
            for attempt in self._new.of(event):
                self._attempts.labels(attempt["category"]).inc()
                self._ambiguous.inc(attempt["ambiguous"])
            self._observe_message(event.type, event.data)

    def _observe_message(self, type_: EventType, data: Mapping[str, Any]) -> None:
        if type_ is EventType.MESSAGE_ACCEPTED:
            self._messages.labels("accepted").inc()
        elif type_ is EventType.MESSAGE_USED:
            self._observe_use(data)
        elif type_ in _FINAL:
            self._messages.labels(data["state"]).inc()
        if type_ is EventType.MESSAGE_SENT:
            seconds = parse_rfc3339(data["outcome"]["at"]) - parse_rfc3339(data["accepted_at"])
            self._delivery.labels(self._destination(data["attempts"][-1]["host"])).observe(seconds)

    def _observe_use(self, data: Mapping[str, Any]) -> None:
        if data["state"] == "sent":
            seconds = parse_rfc3339(data["used_at"]) - parse_rfc3339(data["outcome"]["at"])
            self._use.labels(self._destination(data["attempts"][-1]["host"])).observe(max(0.0, seconds))

    def _destination(self, host: str | None) -> str:
        name = host or "none"
        if name not in self._destinations:
            if len(self._destinations) >= DESTINATIONS:
                return "other"
            self._destinations.add(name)
        return name

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(name, text, labels, registry=self._registry, buckets=_SECONDS)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self._registry)
