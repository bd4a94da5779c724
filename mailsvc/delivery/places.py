"""A bounded number of places, given to the nearest deadline first.

Used for what may run at one time: sessions to a destination, and all sessions of the process. Never gives a place to
somebody who has stopped waiting, and never lets anybody wait beyond their deadline. Who holds a place and only waits
may step aside for others.
"""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

#: Weight of the newest stay in the running mean of their lengths.
_NEWEST = 0.05


class Place:
    """One that is held."""

    def __init__(self, of: "Places") -> None:
        self._of = of
        self._begun = asyncio.get_running_loop().time()
        self._aside = False

    def step_aside(self) -> None:
        """Make room for somebody else, and stay: as far as `Places` allows it."""
        if not self._aside:
            self._aside = True
            self._of.stepped_aside(self._begun)

    def leave(self) -> None:
        """Give it back; once."""
        self._of.left(None if self._aside else self._begun)


class Places:
    """``async with places.at(deadline):`` waits for a place and holds it. Instants are the event loop's."""

    def __init__(self, limit: int, *, room: int | None = None) -> None:
        """``room`` is how many of those who stepped aside do not count.

        Without it they count until they hold three of four places: then others get up to a quarter more.
        """
        self.limit = limit
        self._room = room
        self._inside = 0  # those who stepped aside among them
        self._aside = 0
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._mean = 0.0  # seconds a place is held
        self._last_given = 0.0

    @property
    def idle(self) -> bool:
        """Whether nobody holds or awaits a place."""
        return not self._inside and not self.waiting

    @property
    def taken(self) -> int:
        """How many hold a place and have not stepped aside."""
        return self._inside - self._aside

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
    async def at(self, deadline: float) -> AsyncIterator[Place]:
        """Hold a place; raise `TimeoutError` when none is free by the deadline, which also orders those who wait."""
        await self._take(deadline)
        place = Place(self)
        self._last_given = asyncio.get_running_loop().time()
        try:
            yield place
        finally:
            place.leave()

    def stepped_aside(self, begun: float) -> None:
        """Count somebody who holds a place since ``begun`` as one who only waits."""
        self._aside += 1
        self._ended(begun)
        self._serve()

    def left(self, begun: float | None) -> None:
        """Take a place back, held since ``begun``, or of somebody who had stepped aside."""
        self._inside -= 1
        if begun is None:
            self._aside -= 1
        else:
            self._ended(begun)
        self._serve()

    def _ended(self, begun: float) -> None:
        self._mean += (asyncio.get_running_loop().time() - begun - self._mean) * _NEWEST

    @property
    def _allowed(self) -> int:
        """How many may be inside."""
        if self._room is not None:
            return self.limit + min(self._aside, self._room)
        return max(self.limit, min(self._aside, self.limit) + max(1, self.limit // 4))

    async def _take(self, deadline: float) -> None:
        if self._inside < self._allowed:
            self._inside += 1
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (deadline, next(self._order), future))
        try:
            async with asyncio.timeout_at(deadline):
                await future
        except (asyncio.CancelledError, TimeoutError):
            if future.done() and not future.cancelled():
                self._inside -= 1  # the place had been given in the same moment
                self._serve()
            raise

    def _serve(self) -> None:
        """Give free places to those who wait."""
        while self._waiting and self._inside < self._allowed:
            _, _, future = heapq.heappop(self._waiting)
            if not future.done():
                self._inside += 1
                future.set_result(None)
