"""The connections to one destination, kept for the next mail: few, briefly, last in first out.

Decides whether a mail goes over an idle connection or a new one. A reused connection that turns out dead before
anything was handed over is replaced at once and counts as no attempt. Idle ones give way: with those in use they are
never more than the destination's places, whichever of its hosts they lead to. Never opens a connection in advance;
how many are in use is for whoever holds the places. A caller sees one `Ended` for every delivery.
"""

import asyncio
from collections import deque
from typing import NamedTuple

from mailsvc.delivery.connection import Connection
from mailsvc.delivery.envelope import Envelope
from mailsvc.delivery.handed import CLOSING
from mailsvc.delivery.places import Places
from mailsvc.delivery.session import Deadlines, Ended, Endpoint, Gate, Kind, SessionError
from mailsvc.domain.reply import Stage


class _Idle(NamedTuple):
    until: float  # loop time
    endpoint: Endpoint
    connection: Connection


class Pool:
    """The connections to one destination."""

    def __init__(self, places: Places) -> None:
        """``places`` bounds all that are open; a caller of `deliver` holds one of them."""
        self._places = places
        self._in_use = 0
        self._idle: deque[_Idle] = deque()  # the one used last at the end
        self._sweeper: asyncio.TimerHandle | None = None
        self._closing = False

    @property
    def empty(self) -> bool:
        """Whether no connection is open."""
        return not (self._in_use or self._idle)

    async def deliver(self, endpoint: Endpoint, envelope: Envelope, *, gate: Gate, deadlines: Deadlines) -> Ended:
        """Offer one mail to one endpoint, over an idle connection where there is one; return how that ended."""
        self._in_use += 1
        try:
            return await self._deliver(endpoint, envelope, gate, deadlines)
        except SessionError as error:
            return error.ended
        finally:
            self._in_use -= 1
            self.trim()

    def trim(self) -> None:
        """End the idle connections, those used longest ago first, that are more than the places leave room for."""
        while self._idle and self._in_use + len(self._idle) > self._places.limit:
            self._idle.popleft().connection.close()

    async def close(self) -> None:
        """Say QUIT on every idle connection and wait until they are gone; those in use end with their delivery."""
        self._closing = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        ended = [idle.connection for idle in self._idle]
        self._idle.clear()
        for connection in ended:
            connection.close()
        await asyncio.gather(*(connection.closed for connection in ended))

    async def _deliver(self, endpoint: Endpoint, envelope: Envelope, gate: Gate, deadlines: Deadlines) -> Ended:
        while True:
            connection = self._take(endpoint) or await self._open(endpoint, gate, deadlines)
            ended = await connection.transact(envelope, gate=gate, deadlines=deadlines)
            if not connection.reusable and _found_dead(ended):
                continue
            if connection.reusable and not (connection.worn or self._closing):
                self._keep(endpoint, connection)
            else:
                connection.close()
            return ended

    async def _open(self, endpoint: Endpoint, gate: Gate, deadlines: Deadlines) -> Connection:
        self.trim()
        return await Connection.open(endpoint, gate=gate, by=deadlines.before_dot)

    def _take(self, endpoint: Endpoint) -> Connection | None:
        """Return the connection used last that leads there and is still in order."""
        while idle := next((idle for idle in reversed(self._idle) if idle.endpoint == endpoint), None):
            self._idle.remove(idle)
            if idle.connection.reusable:
                return idle.connection
            idle.connection.close()
        return None

    def _keep(self, endpoint: Endpoint, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        self._idle.append(_Idle(loop.time() + endpoint.idle, endpoint, connection))
        if self._sweeper is None:
            self._sweeper = loop.call_later(endpoint.idle, self._sweep)

    def _sweep(self) -> None:
        """End those whose time is over: of one destination they are in its order."""
        loop = asyncio.get_running_loop()
        while self._idle and self._idle[0].until <= loop.time():
            self._idle.popleft().connection.close()
        self._sweeper = loop.call_at(self._idle[0].until, self._sweep) if self._idle else None


def _found_dead(ended: Ended) -> bool:
    """Whether a reused connection was at its end: it broke at MAIL, or the server said 421 there."""
    closing = ended.kind is Kind.FAILED or (ended.reply is not None and ended.reply.code == CLOSING)
    return ended.reused and ended.stage is Stage.MAIL and closing
