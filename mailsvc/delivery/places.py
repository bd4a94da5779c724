"""A bounded number of places, given to the nearest deadline first.

Used for what may run at one time: sessions to a destination, and all sessions of the process. Never gives a place to
somebody who has stopped waiting, and never lets anybody wait beyond their deadline.
"""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

#: Weight of the newest stay in the running mean of their lengths.
_NEWEST = 0.05


class Places:
    """``async with places.at(deadline):`` waits for a place and holds it. Instants are the event loop's."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken = 0
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._mean = 0.0  # seconds a place is held
        self._last_given = 0.0

    @property
    def idle(self) -> bool:
        """Whether nobody holds or awaits a place."""
        return not self._taken and not self.waiting

    @property
    def taken(self) -> int:
        """How many hold a place."""
        return self._taken

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(not future.done() for _, _, future in self._waiting)

    def predicted_wait(self) -> float:
        """Return the seconds that somebody who comes now would wait."""
        waiting = self.waiting
        if not waiting:
            return 0.0
        # Where every holder hangs nothing ends, and the mean says nothing: then the wait so far does.
        stalled = asyncio.get_running_loop().time() - self._last_given
        return max(waiting * self._mean / self.limit, stalled)

    def resize(self, limit: int) -> None:
        """Allow so many; those who hold a place keep it."""
        self.limit = limit
        self._serve()

    def widen(self, most: int) -> None:
        """Allow one more at a time, up to ``most``."""
        if self.limit < most:
            self.resize(self.limit + 1)

    @asynccontextmanager
    async def at(self, deadline: float) -> AsyncIterator[None]:
        """Hold a place; raise `TimeoutError` when none is free by the deadline, which also orders those who wait."""
        await self._take(deadline)
        begun = self._last_given = asyncio.get_running_loop().time()
        try:
            yield
        finally:
            self._mean += (asyncio.get_running_loop().time() - begun - self._mean) * _NEWEST
            self._taken -= 1
            self._serve()

    async def _take(self, deadline: float) -> None:
        if self._taken < self.limit:
            self._taken += 1
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (deadline, next(self._order), future))
        try:
            async with asyncio.timeout_at(deadline):
                await future
        except (asyncio.CancelledError, TimeoutError):
            if future.done() and not future.cancelled():
                self._taken -= 1  # the place had been given in the same moment
                self._serve()
            raise

    def _serve(self) -> None:
        """Give free places to those who wait."""
        while self._waiting and self._taken < self.limit:
            _, _, future = heapq.heappop(self._waiting)
            if not future.done():
                self._taken += 1
                future.set_result(None)
