"""Open connections kept for the next mail: few, briefly, last in first out.

Decides whether a mail goes over an idle connection or a new one. A reused connection that turns out dead before
anything was handed over is replaced at once and counts as no attempt. Never opens a connection in advance and
never keeps more than ``limit`` open to one endpoint. A caller sees one `Ended` for every delivery.
"""

import asyncio
from collections import deque
from weakref import WeakValueDictionary

from mailsvc.delivery.connection import Connection
from mailsvc.delivery.envelope import Envelope
from mailsvc.delivery.session import Deadlines, Ended, Endpoint, Gate, Kind, SessionError
from mailsvc.domain.reply import TEXT_MAX, Stage

LIMIT = 10  # connections to one endpoint


class _Site:
    """The connections to one endpoint. Because an idle one is taken first, slots bound all that are open."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.slots = asyncio.Semaphore(limit)
        self._seconds = seconds
        self._idle: deque[tuple[float, Connection]] = deque()  # with the end of its time, which is also their order
        self._sweeper: asyncio.TimerHandle | None = None

    def take(self) -> Connection | None:
        """Return the connection used last that is still in order."""
        while self._idle:
            _, connection = self._idle.pop()
            if connection.reusable:
                return connection
            connection.close()
        return None

    def keep(self, connection: Connection) -> None:
        """Keep a connection for the next mail."""
        loop = asyncio.get_running_loop()
        self._idle.append((loop.time() + self._seconds, connection))
        if self._sweeper is None:
            self._sweeper = loop.call_later(self._seconds, self._sweep)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while self._idle and self._idle[0][0] <= loop.time():
            self._idle.popleft()[1].close()
        self._sweeper = loop.call_at(self._idle[0][0], self._sweep) if self._idle else None

    def close(self) -> list[Connection]:
        """End every idle connection and return them."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        ended = [connection for _, connection in self._idle]
        for connection in ended:
            connection.close()
        self._idle.clear()
        return ended


class Pool:
    """The connections of one process."""

    def __init__(self, *, limit: int = LIMIT) -> None:
        self._limit = limit
        self._closing = False
        # A site lives as long as a delivery or its sweeper holds it.
        self._sites: WeakValueDictionary[Endpoint, _Site] = WeakValueDictionary()

    async def deliver(self, endpoint: Endpoint, envelope: Envelope, *, gate: Gate, deadlines: Deadlines) -> Ended:
        """Offer one mail to one endpoint, over an idle connection where there is one; return how that ended."""
        site = self._sites.get(endpoint) or self._sites.setdefault(endpoint, _Site(self._limit, endpoint.idle))
        if not await _slot(site, deadlines.before_dot):
            text = f"all {self._limit} connections to {endpoint.host} were busy for as long as there was time"
            return Ended(kind=Kind.FAILED, stage=Stage.CONNECT, reply=None, text=text[:TEXT_MAX])
        try:
            return await self._over_site(site, endpoint, envelope, gate, deadlines)
        except SessionError as error:
            return error.ended
        finally:
            site.slots.release()

    async def _over_site(
        self, site: _Site, endpoint: Endpoint, envelope: Envelope, gate: Gate, deadlines: Deadlines
    ) -> Ended:
        while True:
            connection = site.take() or await Connection.open(endpoint, gate=gate, by=deadlines.before_dot)
            ended = await connection.transact(envelope, gate=gate, deadlines=deadlines)
            if not connection.reusable and _found_dead(ended):
                continue
            if connection.reusable and not (connection.worn or self._closing):
                site.keep(connection)
            else:
                connection.close()
            return ended

    async def close(self) -> None:
        """Say QUIT on every idle connection and wait until they are gone; those in use end with their delivery."""
        self._closing = True
        ended = [connection for site in list(self._sites.values()) for connection in site.close()]
        await asyncio.gather(*(connection.closed for connection in ended))


async def _slot(site: _Site, by: float) -> bool:
    if not site.slots.locked():
        return await site.slots.acquire()
    try:
        async with asyncio.timeout_at(by):
            return await site.slots.acquire()
    except TimeoutError:
        return False


def _found_dead(ended: Ended) -> bool:
    """Whether a reused connection was at its end: it broke at MAIL, or the server said 421 there."""
    closing = ended.kind is Kind.FAILED or (ended.reply is not None and ended.reply.code == 421)  # noqa: PLR2004  RFC 5321 3.8
    return ended.reused and ended.stage is Stage.MAIL and closing
