"""The sessions of the process, shared so that sites which hang never take those of the others.

Half of them are for destinations that took the last mail, or said something about it. The other half is for sites that
have not been heard of yet, and half of that at most for sites whose last session led nowhere: whatever number of known
ones is dead, a new one finds a session. New ones that hang cannot be told from new ones that live; once they and the
dead hold half of their half, a new one is to have a single session (``crowded``).
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from enum import Enum, auto

from mailsvc.delivery.places import Places


class Standing(Enum):
    """What is known of a destination."""

    NEW = auto()  #: it has not been heard of
    GOOD = auto()  #: it has a profile, or its last session came to a word about the mail
    FAILING = auto()  #: its last session led nowhere


class Shares:
    """The places of the process."""

    def __init__(self, sessions: int) -> None:
        self._all = Places(sessions)
        self._doubtful = Places(max(1, sessions // 2))
        self._failing = Places(max(1, sessions // 4))
        self._before = {
            Standing.GOOD: (),
            Standing.NEW: (self._doubtful,),
            Standing.FAILING: (self._failing, self._doubtful),
        }

    @asynccontextmanager
    async def at(self, standing: Standing, by: float) -> AsyncIterator[None]:
        """Hold a place of the share; raise `TimeoutError` when none is free by the deadline (loop time)."""
        async with AsyncExitStack() as held:
            for places in (*self._before[standing], self._all):
                await held.enter_async_context(places.at(by))
            yield

    @property
    def crowded(self) -> bool:
        """Whether sites that may hang hold so many places that a new one is to have a single session."""
        return self._doubtful.taken >= self._failing.limit

    def predicted_wait(self) -> float:
        """Return the seconds that a mail taken now would wait for a session of this process."""
        return self._all.predicted_wait()
