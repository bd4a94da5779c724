"""A bounded number of places, given to the nearest deadline first.

Used for what may run at one time: sessions to a destination, and all sessions of the process. Never gives a place to
somebody who has stopped waiting.
"""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Places:
    """``async with places.at(deadline):`` waits for a place and holds it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken = 0
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    @property
    def idle(self) -> bool:
        """Whether nobody holds or awaits a place."""
        return not self._taken and not self.waiting

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(not future.done() for _, _, future in self._waiting)

    @asynccontextmanager
    async def at(self, deadline: float) -> AsyncIterator[None]:
        """Hold a place; ``deadline`` orders those who wait."""
        await self._take(deadline)
        try:
            yield
        finally:
            self._leave()

    async def _take(self, deadline: float) -> None:
        if self._taken < self.limit:
            self._taken += 1
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (deadline, next(self._order), future))
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._leave()  # the place had been given in the same moment
            raise

    def _leave(self) -> None:
        while self._waiting:
            _, _, future = heapq.heappop(self._waiting)
            if not future.done():
                future.set_result(None)  # the place goes on
                return
        self._taken -= 1
