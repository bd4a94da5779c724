"""The queue of one process: a heap of instants."""

import asyncio
import heapq
from collections.abc import Callable


class LocalQueue:
    """Rings inside one event loop; empty after a restart."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._rings: list[tuple[float, str]] = []
        self._changed = asyncio.Event()

    def ring(self, message_id: str, at: float) -> None:
        """Have `next` return this id at an instant."""
        heapq.heappush(self._rings, (at, message_id))
        self._changed.set()

    async def next(self) -> str:
        """Wait for the next id that is due."""
        while True:
            self._changed.clear()
            wait = self._rings[0][0] - self._now() if self._rings else None
            if wait is not None and wait <= 0:
                return heapq.heappop(self._rings)[1]
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue
