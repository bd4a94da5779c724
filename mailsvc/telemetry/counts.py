"""What is counted from the event log as it grows (DESIGN 2.4): messages, attempts, times, feedback.

Each process counts the events that it has committed itself, each once; how often a restart makes an attempt be told
again is `attempts.NewAttempts`' to know.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mailsvc.domain.event import Event, EventType
from mailsvc.domain.figures import Side, side_of
from mailsvc.domain.instant import parse_rfc3339
from mailsvc.domain.message import GUARD, MessageState
from mailsvc.domain.outcome import Category
from mailsvc.telemetry.attempts import NewAttempts
from mailsvc.telemetry.ended import FINAL, last_attempt, site, total_seconds
from mailsvc.telemetry.on_time import Judgement, judge
from mailsvc.telemetry.series import Series

#: Bounds of the histograms' buckets (seconds).
_DELIVERY = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300)
_USE = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300)
_STAGE = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 120)
#: What an attempt's time is spent in (CONTRACT 3.2).
STAGES = ("queue", "dns", "connect", "tls", "transfer")

_FEEDBACK = frozenset(
    {
        EventType.FEEDBACK_BOUNCED,
        EventType.FEEDBACK_DELAYED,
        EventType.FEEDBACK_DELIVERED,
        EventType.FEEDBACK_COMPLAINED,
    }
)


class Counts:
    """Counts events into series."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self._new = NewAttempts()
        self._messages = series.counter("mailsvc_messages", "Messages by the state they came to", "state")
        self._codes = series.counter(
            "mailsvc_codes",
            "Codes that could be delivered: on_time within 60 s, late, or missed",
            *("destination", "result"),
        )
        self._attempts = series.counter("mailsvc_attempts", "Attempts by what came back", "category")
        self._our_faults = series.counter(
            "mailsvc_our_fault", "Attempts refused for what we are, do or send", "destination", "category"
        )
        self._ambiguous = series.counter("mailsvc_ambiguous", "Attempts whose connection was lost after the dot")
        self._late = series.counter("mailsvc_late", "Codes whose final dot was written with less life than the guard")
        self._delivery = series.histogram(
            "mailsvc_delivery_seconds", "From accept to 250", "destination", buckets=_DELIVERY
        )
        self._use = series.histogram(
            "mailsvc_time_to_use_seconds", "From 250 to the code's use", "destination", buckets=_USE
        )
        stages = series.histogram("mailsvc_stage_seconds", "Attempts' time by stage", "stage", buckets=_STAGE)
        self._stages = {stage: stages.labels(stage) for stage in STAGES}
        self._feedback = series.counter("mailsvc_feedback", "What reports said of messages", "category")
        self._judged: set[str] = set()
        self._begin_at_zero()

    def observe(self, events: Sequence[Event]) -> None:
        """Count committed events."""
        for event in events:
            for attempt in self._new.of(event):
                self._observe_attempt(event.data, attempt)
            if event.type in _FEEDBACK:  # it carries its message, and came last
                self._feedback.labels(event.data["feedback"][-1]["category"]).inc()
            elif event.type is EventType.MESSAGE_ACCEPTED:
                self._messages.labels("accepted").inc()
            elif event.type is EventType.MESSAGE_USED:
                self._observe_use(event.data)
            elif event.type in FINAL:
                self._observe_end(event.data)

    def _begin_at_zero(self) -> None:
        """Show what is alerted on before it first happens: an increase from nothing is none to Prometheus."""
        for category in Category:
            self._attempts.labels(category.value)
            self._feedback.labels(category.value)

    def _observe_attempt(self, message: Mapping[str, Any], attempt: Mapping[str, Any]) -> None:
        category = attempt["category"]
        self._attempts.labels(category).inc()
        if attempt["ambiguous"]:
            self._ambiguous.inc()
        if _late(message, attempt):
            self._late.inc()
        if side_of(Category(category)) is Side.OURS:
            self._our_faults.labels(self._series.destination(site(attempt)), category).inc()
        for stage, seconds in attempt["seconds"].items():
            self._stages[stage].observe(seconds)

    def _observe_end(self, message: Mapping[str, Any]) -> None:
        self._messages.labels(message["state"]).inc()
        destination = self._series.destination(site(last_attempt(message)))
        if judgement := judge(message):
            self._count_code(destination, judgement)
        if message["state"] == MessageState.SENT:
            self._delivery.labels(destination).observe(total_seconds(message))

    def _count_code(self, destination: str, judgement: Judgement) -> None:
        if destination not in self._judged:  # all results are there from its first code on, as in `_begin_at_zero`
            self._judged.add(destination)
            for result in Judgement:
                self._codes.labels(destination, result.value)
        self._codes.labels(destination, judgement.value).inc()

    def _observe_use(self, message: Mapping[str, Any]) -> None:
        if message["state"] == MessageState.SENT:
            seconds = parse_rfc3339(message["used_at"]) - parse_rfc3339(message["outcome"]["at"])
            destination = self._series.destination(site(last_attempt(message)))
            self._use.labels(destination).observe(max(0.0, seconds))


def _late(message: Mapping[str, Any], attempt: Mapping[str, Any]) -> bool:
    """Whether a code was handed over with less life than the guard; what is not known is not counted."""
    handed_over_at = attempt["handed_over_at"]
    if not message["is_code"] or handed_over_at is None:
        return False
    return parse_rfc3339(handed_over_at) > parse_rfc3339(message["expires_at"]) - GUARD
