"""Metrics (CONTRACT 3.7): counted from the event log as it grows, exposed in Prometheus' text format.

No address, code or free text ever becomes a label; destinations beyond a bound share one.
"""

from collections.abc import Collection, Mapping, Sequence
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
_FEEDBACK = frozenset(
    {
        EventType.FEEDBACK_BOUNCED,
        EventType.FEEDBACK_DELAYED,
        EventType.FEEDBACK_DELIVERED,
        EventType.FEEDBACK_COMPLAINED,
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
        self._addresses = self._gauge("mailsvc_addresses", "Addresses with which something is wrong", "state")
        self._frozen = self._gauge(
            "mailsvc_flagging_frozen", "Sites that call too many addresses unknown to be believed", "destination"
        )
        self._feedback = self._counter("mailsvc_feedback", "What reports said of messages", "category")
        self._reports = self._counter("mailsvc_reports", "Reports by what they are, or quarantined", "kind")
        self._pending = self._gauge("mailsvc_reports_pending", "Reports that wait to be read")
        self._waiting = self._gauge("mailsvc_reports_waiting_seconds", "Age of the oldest report that waits")
        self._quarantined = self._gauge("mailsvc_reports_quarantined", "Reports that cannot be read")
        self._webhook_lag = self._gauge(
            "mailsvc_webhook_lag_seconds", "Age of the oldest event that a webhook endpoint has not taken", "endpoint"
        )
        self._webhook_parked = self._gauge(
            "mailsvc_webhook_parked", "Events that a webhook endpoint is not told any more", "endpoint"
        )
        self._webhooks = self._counter(
            "mailsvc_webhook_requests", "Webhook requests by what came of them", "endpoint", "result"
        )
        self._destinations: set[str] = set()
        self._new = NewAttempts()

    def exposition(self) -> bytes:
        """Return all metrics as text."""
        return generate_latest(self._registry)

    def observe_queue(self, messages: int, oldest: float) -> None:
        """Set what only a look at the store tells."""
        self._queue.set(messages)
        self._oldest.set(oldest)

    def observe_addresses(self, states: Mapping[str, int], frozen: Collection[str]) -> None:
        """Set how many addresses are in which state, and which sites are not believed just now."""
        for state, addresses in states.items():
            self._addresses.labels(state).set(addresses)
        self._frozen.clear()
        for destination in frozen:
            self._frozen.labels(self._destination(destination)).set(1)

    def observe_reports(self, pending: int, quarantined: int, waiting: float) -> None:
        """Set how many reports wait, how many cannot be read, and for how long the oldest has waited (seconds)."""
        self._pending.set(pending)
        self._quarantined.set(quarantined)
        self._waiting.set(waiting)

    def count_report(self, kind: str) -> None:
        """Count a report that was read, by its kind, or went to the quarantine."""
        self._reports.labels(kind).inc()

    def observe_webhook(self, endpoint: str, *, lag: float, parked: int) -> None:
        """Set the age of the oldest event that waits for an endpoint (seconds), and how many are parked."""
        self._webhook_lag.labels(endpoint).set(lag)
        self._webhook_parked.labels(endpoint).set(parked)

    def count_webhook(self, endpoint: str, result: str) -> None:
        """Count what came of a request to an endpoint: delivered, refused, failed; skipped: events were gone."""
        self._webhooks.labels(endpoint, result).inc()

    def observe(self, events: Sequence[Event]) -> None:
        """Count committed events."""
        for event in events:
            for attempt in self._new.of(event):
                self._attempts.labels(attempt["category"]).inc()
                self._ambiguous.inc(attempt["ambiguous"])
            if event.type in _FEEDBACK:  # it carries its message, and came last
                self._feedback.labels(event.data["feedback"][-1]["category"]).inc()
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

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self._registry)
