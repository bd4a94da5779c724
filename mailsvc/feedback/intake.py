"""Reports that wait are read, in their order, and what they say is done (DESIGN 3: the way back).

Reading happens in `isolation`, several reports at a time; what each one changes is one transaction's work. A report
that cannot be read is tried again and then goes to the quarantine. Nothing happens here while nothing comes in, but
for a look every few seconds; what the last process left is taken up at the start.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol

import structlog

from mailsvc.clock import Clock
from mailsvc.domain.mailboxes import Mailboxes
from mailsvc.domain.report import Report, ReportState
from mailsvc.feedback.inbox import Inbox
from mailsvc.feedback.isolation import COMMAND, IsolationError, ReportReader, Unread
from mailsvc.store import CipherError, Connection, Store, StoreUnavailable, feedback, reports
from mailsvc.store.rounds import rounds

#: Processes that read.
READERS = 2
#: Reports that one of them gets at a time: codes never wait behind more of their transactions.
BATCH = 16
#: Seconds between two looks at what nobody has rung for.
INTERVAL = 5.0
#: Seconds without a report after which a process ends.
IDLE = 60.0
#: Seconds of waiting that are an alarm (RELIABILITY P19).
LATE = 60.0
#: Seconds to wait after trouble that is no report's fault, and for what is under way at a stop.
TROUBLE = 5.0

log = structlog.get_logger(__name__)


class Observer(Protocol):
    """Is told what operators want to see; `telemetry.metrics` is one."""

    def observe_reports(self, pending: int, quarantined: int, waiting: float) -> None:
        """Take how many wait and how many cannot be read, and for how long the oldest has waited (seconds)."""

    def count_report(self, kind: str) -> None:
        """Count a report that was read, by its kind, or went to the quarantine."""


class Intake:
    """Reads what waits in the store until it is stopped."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        inbox: Inbox,
        mailboxes: Mailboxes,
        observer: Observer,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._store = store
        self._clock = clock
        self._inbox = inbox
        self._mailboxes = mailboxes
        self._observer = observer
        self._command = command
        self._choosing = asyncio.Lock()
        self._taken: set[str] = set()
        self._stopping = asyncio.Event()
        self._waiting = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def problem(self) -> str | None:
        """Say that reports wait for too long; None while they do not."""
        return f"a report has waited to be read for {self._waiting:.0f} s" if self._waiting > LATE else None

    def start(self) -> None:
        """Begin; what the last process left comes first."""
        self._tasks = [asyncio.create_task(self._work()) for _ in range(READERS)]
        self._tasks.append(asyncio.create_task(self._watch()))

    async def stop(self) -> None:
        """End; what is being read just now is finished, or read again after the next start."""
        self._stopping.set()
        self._inbox.bell.set()
        *workers, watch = self._tasks
        watch.cancel()
        await asyncio.wait(workers, timeout=TROUBLE)
        for task in workers:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self) -> None:
        await rounds(self._look, INTERVAL, partial(log.error, "report.watch_failed"))

    async def _look(self) -> None:
        backlog = await self._store.read(reports.backlog)
        was_late = self._waiting > LATE
        self._waiting = 0.0 if backlog.oldest is None else self._clock.now() - backlog.oldest
        if self._waiting > LATE and not was_late:
            log.error("report.late", seconds=round(self._waiting), pending=backlog.pending)
        self._observer.observe_reports(backlog.pending, backlog.quarantined, self._waiting)
        self._inbox.observe(await self._store.read(reports.pending_octets) if backlog.pending else 0)
        if backlog.pending:
            self._inbox.bell.set()

    async def _work(self) -> None:
        reader = ReportReader(self._command)
        try:
            while not self._stopping.is_set():
                try:
                    await self._turn(reader)
                except (StoreUnavailable, IsolationError) as error:
                    log.error("report.unread", error=str(error))  # noqa: TRY400  the words say it all
                    with suppress(TimeoutError):
                        async with asyncio.timeout(TROUBLE):
                            await self._stopping.wait()
        finally:
            await reader.close()

    async def _turn(self, reader: ReportReader) -> None:
        """Read the next reports, or wait for some."""
        self._inbox.bell.clear()
        batch = await self._choose()
        if not batch:
            try:
                async with asyncio.timeout(IDLE):
                    await self._inbox.bell.wait()
            except TimeoutError:
                await reader.close()
            return
        try:
            await self._read(reader, batch)
        finally:
            self._taken.difference_update(batch)

    async def _choose(self) -> list[str]:
        """Take the next reports; one that failed before is read alone, so that it takes no others with it."""
        async with self._choosing:
            # Those of now: what is let go of while the store is asked may still look as if it waited.
            taken = frozenset(self._taken)
            waiting = await self._store.read(partial(reports.pending, but=taken, most=BATCH))
            batch = [report for report, tries in waiting if tries == 0]
            if waiting and waiting[0][1]:
                batch = [waiting[0][0]]
            self._taken.update(batch)
            return batch

    async def _read(self, reader: ReportReader, batch: Sequence[str]) -> None:
        found = await self._store.read(partial(_mails, store=self._store, batch=batch))
        closed = [(report, Unread(str(mail), final=True)) for report, mail in found if not isinstance(mail, bytes)]
        opened = [(report, mail) for report, mail in found if isinstance(mail, bytes)]
        readings = await reader.read([mail for _, mail in opened]) if opened else []
        read = [(report, reading) for (report, _), reading in zip(opened, readings, strict=False)]
        await asyncio.gather(*(self._conclude(report, reading) for report, reading in (*closed, *read)))

    async def _conclude(self, report_id: str, reading: Report | Unread) -> None:
        if isinstance(reading, Report):
            reading = await self._apply(report_id, reading) or reading
        if isinstance(reading, Report):
            self._observer.count_report(reading.kind.value)
            return
        problem, final = reading.problem, reading.final
        state = await self._store.write(lambda tx: reports.fail(tx, report_id, problem, final=final))
        if state is ReportState.DONE:  # somebody else was quicker
            return
        log.warning("report.failed", report=report_id, state=state.value, problem=problem)
        if state is ReportState.QUARANTINED:
            self._observer.count_report(state.value)

    async def _apply(self, report_id: str, report: Report) -> Unread | None:
        """Do what a report says; return why it could not be done, where that is not the store's fault."""
        now = self._clock.now()
        apply = partial(feedback.conclude, report_id=report_id, report=report, mailboxes=self._mailboxes, now=now)
        try:
            await self._store.write(apply)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  a fault of ours; the report is kept, and others go on
            return Unread(f"what it says could not be done: {type(error).__name__}", final=False)
        return None


def _mails(connection: Connection, store: Store, batch: Sequence[str]) -> list[tuple[str, bytes | CipherError]]:
    return [(report, reports.mail_of(connection, store.cipher, report)) for report in batch]
