"""Ends what is still under way when its time is over by the process's clock.

Timers run on the event loop's clock, which stands still while the machine is suspended: after an hour of sleep they are
an hour late. Nothing is handed over late for that, the gates ask the process's clock; but a mail that waits for a place
or for a reply would have no outcome in time. While no machine sleeps, timers come first and nothing happens here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mailsvc.clock import Clock

#: So often the clock is looked at while anything is under way (seconds).
INTERVAL = 1.0


class Overdue:
    """``async with overdue.after(instant):`` raises `TimeoutError` within two seconds after the instant."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._under_way: dict[asyncio.Timeout, float] = {}
        self._watch: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def after(self, instant: float) -> AsyncIterator[None]:
        """End the block after an instant of the process's clock."""
        async with asyncio.timeout(None) as limit:
            self._under_way[limit] = instant
            if self._watch is None or self._watch.done():
                self._watch = asyncio.create_task(self._look())
            try:
                yield
            finally:
                self._under_way.pop(limit, None)

    async def _look(self) -> None:
        while self._under_way:
            now = self._clock.now()
            for limit in [limit for limit, instant in self._under_way.items() if now > instant]:
                del self._under_way[limit]
                limit.reschedule(asyncio.get_running_loop().time())
            await asyncio.sleep(INTERVAL)
