"""Where every report comes in: the receiver, the HTTP surface and the mailbox elsewhere hand them over here.

A report is durable when `take` returns. Nothing is read here. What waits is bounded: beyond that, and while the store
cannot write, its sender is to try again later.
"""

import asyncio
from functools import partial

from mailsvc.clock import Clock
from mailsvc.domain.report import ReportSource
from mailsvc.store import Store, reports

#: Octets of mails that may wait to be read.
WAITING_MAX = 1024 * 1024 * 1024


class InboxFull(Exception):
    """More waits to be read than may; try again later."""


class Inbox:
    """Keeps what comes in, and tells whoever reads it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.bell = asyncio.Event()  #: rung when there is something to read
        self._store = store
        self._clock = clock
        self._waiting = 0

    async def take(self, raw: bytes, recipient: str | None, source: ReportSource) -> str:
        """Keep a mail; return the id of its report once it is durable.

        The same mail to the same recipient within a day is one report. Raises `InboxFull` or `StoreUnavailable`.
        """
        if self._waiting + len(raw) > WAITING_MAX:
            raise InboxFull("more waits to be read than may")
        now = self._clock.now()
        report = await self._store.write(partial(reports.add, raw=raw, recipient=recipient, source=source, now=now))
        self._waiting += len(raw)
        self.bell.set()
        return report

    def observe(self, octets: int) -> None:
        """Set how much waits: what has been read since is no longer counted."""
        self._waiting = octets
