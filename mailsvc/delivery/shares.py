"""The sessions of the process, shared so that sites which hang never take those of the others.

Half of them are for destinations that took the last mail. The other half is for sites that have not been heard of yet,
and a half of that at most for sites whose last session led nowhere. So whatever number of known ones is dead, a new one
finds a session; new ones that hang hold each other back only when they fill that half, each with the few sessions of
an unknown destination.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from mailsvc.delivery.destinations import Standing
from mailsvc.delivery.places import Places


class Shares:
    """The places of the process."""

    def __init__(self, sessions: int) -> None:
        self._all = Places(sessions)
        doubtful, failing = Places(max(1, sessions // 2)), Places(max(1, sessions // 4))
        self._before = {Standing.GOOD: (), Standing.NEW: (doubtful,), Standing.FAILING: (failing, doubtful)}

    @asynccontextmanager
    async def at(self, standing: Standing, by: float) -> AsyncIterator[None]:
        """Hold a place of the share; raise `TimeoutError` when none is free by the deadline (loop time)."""
        async with AsyncExitStack() as held:
            for places in (*self._before[standing], self._all):
                await held.enter_async_context(places.at(by))
            yield

    def predicted_wait(self) -> float:
        """Return the seconds that a mail taken now would wait for a session of this process."""
        return self._all.predicted_wait()
