"""Metrics (CONTRACT 3.7) of one process: what is counted from the event log, and what the rooms look up.

The rooms are told of no more than the method they call; docs/reference/metrics.md lists every series.
"""

from collections.abc import Collection, Mapping, Sequence

from mailsvc.domain.event import Event
from mailsvc.telemetry.counts import Counts
from mailsvc.telemetry.series import Series


class Metrics:
    """All series of one process."""

    def __init__(self) -> None:
        self._series = series = Series()
        self._counts = Counts(series)
        self._sweeps = series.counter("mailsvc_sweeps", "Looks at what is queued, one a second")
        self._queue = series.gauge("mailsvc_queue_messages", "Messages that are not final")
        self._oldest = series.gauge("mailsvc_oldest_unsent_seconds", "Age of the oldest message that is not final")
        self._untried = series.gauge(
            "mailsvc_oldest_untried_seconds", "Age of the oldest code of which no attempt has ended"
        )
        self._failing = series.gauge("mailsvc_failing", "Parts of the service that cannot work", "part")
        self._addresses = series.gauge("mailsvc_addresses", "Addresses with which something is wrong", "state")
        self._frozen = series.gauge(
            "mailsvc_flagging_frozen", "Sites that call too many addresses unknown to be believed", "destination"
        )
        self._discarding = series.gauge(
            "mailsvc_silent_discard", "Sites whose codes are used far less than usual", "destination"
        )
        self._unreported = series.gauge("mailsvc_used_reports_missing", "1 while no site's codes are reported as used")
        self._reports = series.counter("mailsvc_reports", "Reports by what they are, or quarantined", "kind")
        self._pending = series.gauge("mailsvc_reports_pending", "Reports that wait to be read")
        self._waiting = series.gauge("mailsvc_reports_waiting_seconds", "Age of the oldest report that waits")
        self._quarantined = series.gauge("mailsvc_reports_quarantined", "Reports that cannot be read")
        self._imap = series.counter("mailsvc_imap", "Mails taken and left, and sessions that failed", "result")
        self._imap_behind = series.gauge("mailsvc_imap_behind_seconds", "How long the IMAP mailbox was not emptied")
        self._webhook_lag = series.gauge(
            "mailsvc_webhook_lag_seconds", "Age of the oldest event that a webhook endpoint has not taken", "endpoint"
        )
        self._webhook_parked = series.gauge(
            "mailsvc_webhook_parked", "Events that a webhook endpoint is not told any more", "endpoint"
        )
        self._webhooks = series.counter(
            "mailsvc_webhook_requests", "Webhook requests by what came of them", "endpoint", "result"
        )
        self._doctor = series.gauge(
            "mailsvc_doctor", "Findings about our own sending identity, at the last look", "check", "severity"
        )
        self._certificates = series.gauge(
            "mailsvc_certificate_end_timestamp_seconds", "When a listener's certificate ends, Unix time", "listener"
        )

    def exposition(self) -> bytes:
        """Return all metrics as text."""
        return self._series.exposition()

    def observe(self, events: Sequence[Event]) -> None:
        """Count committed events."""
        self._counts.observe(events)

    def observe_queue(self, messages: int, oldest: float, untried: float) -> None:
        """Set what only a look at the store tells: how many are queued, the oldest's age, that of an untried code."""
        self._sweeps.inc()
        self._queue.set(messages)
        self._oldest.set(oldest)
        self._untried.set(untried)

    def observe_failing(self, parts: Collection[str]) -> None:
        """Set which parts of the service cannot work now."""
        self._failing.clear()
        for part in parts:
            self._failing.labels(part).set(1)

    def observe_addresses(self, states: Mapping[str, int], frozen: Collection[str]) -> None:
        """Set how many addresses are in which state, and which sites are not believed just now."""
        for state, addresses in states.items():
            self._addresses.labels(state).set(addresses)
        self._frozen.clear()
        for destination in frozen:
            self._frozen.labels(self._series.destination(destination)).set(1)

    def observe_uses(self, discarding: Collection[str], missing_since: float | None) -> None:
        """Set which sites let codes vanish, and whether nobody reports their use."""
        self._discarding.clear()
        for destination in discarding:
            self._discarding.labels(self._series.destination(destination)).set(1)
        self._unreported.set(missing_since is not None)

    def observe_reports(self, pending: int, quarantined: int, waiting: float) -> None:
        """Set how many reports wait, how many cannot be read, and for how long the oldest has waited (seconds)."""
        self._pending.set(pending)
        self._quarantined.set(quarantined)
        self._waiting.set(waiting)

    def count_report(self, kind: str) -> None:
        """Count a report that was read, by its kind, or went to the quarantine."""
        self._reports.labels(kind).inc()

    def count_imap(self, result: str) -> None:
        """Count a mail of the IMAP mailbox that was ``taken`` or is ``left``, or a session that ``failed``."""
        self._imap.labels(result).inc()

    def observe_imap(self, seconds: float) -> None:
        """Set for how long the IMAP mailbox could not be emptied (seconds)."""
        self._imap_behind.set(seconds)

    def observe_webhook(self, endpoint: str, *, lag: float, parked: int) -> None:
        """Set the age of the oldest event that waits for an endpoint (seconds), and how many are parked."""
        self._webhook_lag.labels(endpoint).set(lag)
        self._webhook_parked.labels(endpoint).set(parked)

    def count_webhook(self, endpoint: str, result: str) -> None:
        """Count what came of a request to an endpoint: delivered, refused, failed; skipped: events were gone."""
        self._webhooks.labels(endpoint, result).inc()

    def observe_doctor(self, findings: Mapping[tuple[str, str], int]) -> None:
        """Set how many findings of each severity each check of our sending identity has."""
        self._doctor.clear()
        for (check, severity), count in findings.items():
            self._doctor.labels(check, severity).set(count)

    def observe_certificate(self, listener: str, end: float) -> None:
        """Set when the certificate of a listener, ``http`` or ``receiver``, ends (Unix seconds)."""
        self._certificates.labels(listener).set(end)
