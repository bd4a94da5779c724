"""Fetches reports from a mailbox elsewhere, for companies whose bounces come in at another mail system.

A mail is deleted there once it is durable here, not before: what a crash interrupts is fetched again, and is the same
report. What is too large is flagged and stays. No state is kept but in the mailbox itself. Trouble ends a session and
never the poller: it is logged, counted and shown, and the next session begins after a pause that grows.
"""

import asyncio
import ssl
from typing import NoReturn, Protocol

import structlog

from mailsvc.clock import Clock
from mailsvc.domain.report import ReportSource
from mailsvc.feedback.imap import ImapError, LoginRefused, Place, Session, opened
from mailsvc.feedback.inbox import Inbox, InboxFull
from mailsvc.feedback.mime import SIZE_MAX
from mailsvc.store import StoreUnavailable

#: Seconds between two looks at the mailbox. IDLE (RFC 2177) would save some of them, but needs a look now and then all
#: the same; a bounce is of use for the next login, not for this one.
INTERVAL = 15.0
#: Seconds until the next session after trouble: doubled while nothing comes of them, and the longest at once where the
#: login is refused, for servers shut out who guesses.
FIRST, LONGEST = 1.0, 300.0
#: Seconds of trouble that are an alarm, as in `intake`.
LATE = 60.0

log = structlog.get_logger(__name__)


class Observer(Protocol):
    """Is told what operators want to see; `telemetry.metrics` is one."""

    def count_imap(self, result: str) -> None:
        """Count a mail that was ``taken`` or is ``left``, or a session that ``failed``."""

    def observe_imap(self, seconds: float) -> None:
        """Take for how long the mailbox could not be emptied (seconds)."""


class Poller:
    """Empties one mailbox until it is stopped."""

    def __init__(
        self, *, place: Place, inbox: Inbox, clock: Clock, observer: Observer, trust: ssl.SSLContext | None = None
    ) -> None:
        """``trust`` takes the place of the system's authorities."""
        self._place = place
        self._inbox = inbox
        self._clock = clock
        self._observer = observer
        self._trust = trust or ssl.create_default_context()
        self._emptied_at = clock.now()
        self._trouble: str | None = None  # since then
        self._pause = FIRST
        self._doubtful: set[int] = set()  # UIDs whose fetch has ended a session
        self._validity: tuple[bytes, ...] = ()
        self._task: asyncio.Task[None] | None = None

    @property
    def problem(self) -> str | None:
        """Say that the mailbox could not be emptied for too long; None while that is not so."""
        seconds = self._clock.now() - self._emptied_at
        late = self._trouble is not None and seconds > LATE
        return f"the IMAP mailbox could not be emptied for {seconds:.0f} s: {self._trouble}" if late else None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """End at once; a mail that is kept but not deleted yet is fetched again after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        while True:
            try:
                await self._session()
            except Exception as error:  # noqa: BLE001  also a fault of ours ends one session only
                pause = self._fail(error)
            await asyncio.sleep(pause)

    async def _session(self) -> NoReturn:
        async with opened(self._place, self._trust) as session:
            if session.validity != self._validity:  # the numbers mean other mails now
                self._doubtful.clear()
                self._validity = session.validity
            await session.expunge()  # what was taken when the last session ended
            while True:
                await self._empty(session)
                self._succeed()
                await asyncio.sleep(INTERVAL)

    async def _empty(self, session: Session) -> None:
        """Take what waits; what failed before comes last, where it is in nobody's way."""
        waiting = sorted(await session.waiting(), key=self._doubtful.__contains__)
        for uid in waiting:
            self._doubtful.add(uid)
            raw = await session.fetch(uid, SIZE_MAX + 1)
            self._doubtful.remove(uid)
            if raw is not None:
                await self._take(session, uid, raw)
                self._pause = FIRST
        if waiting:
            await session.expunge()

    async def _take(self, session: Session, uid: int, raw: bytes) -> None:
        if len(raw) > SIZE_MAX:
            await session.mark(uid, r"\Flagged")
            log.warning("imap.left", uid=uid, problem=f"it has more than {SIZE_MAX} octets")
            self._observer.count_imap("left")
            return
        # Whom it came to stands in its headers, where the reader looks for it.
        await self._inbox.take(raw, None, ReportSource.IMAP)
        await session.mark(uid, r"\Deleted")
        self._observer.count_imap("taken")

    def _succeed(self) -> None:
        if self._trouble is not None:
            log.info("imap.recovered", seconds=round(self._clock.now() - self._emptied_at))
        self._emptied_at, self._trouble, self._pause = self._clock.now(), None, FIRST
        self._observer.observe_imap(0.0)

    def _fail(self, error: Exception) -> float:
        """Note trouble; return the seconds until the next session."""
        known = isinstance(error, (ImapError, InboxFull, StoreUnavailable))
        self._trouble = str(error) if known else type(error).__name__  # other words may repeat the mail
        pause = LONGEST if isinstance(error, LoginRefused) else self._pause
        self._pause = min(2 * pause, LONGEST)
        (log.error if self.problem else log.warning)("imap.failed", problem=self._trouble, again=pause)
        self._observer.observe_imap(self._clock.now() - self._emptied_at)
        self._observer.count_imap("failed")
        return pause
