"""The sessions of the process, shared so that sites which hang never take those of the others.

Half of them are for destinations that took the last mail, or said something about it. The other half is for sites that
have not been heard of yet, and half of that at most for sites whose last session led nowhere: whatever number of known
ones is dead, a new one finds a session. New ones that hang cannot be told from new ones that live; once they and the
dead hold half of their half, a new one is to have a single session (``crowded``).

A session that takes long, whatever it waits for, counts no more as long as there is room: it costs a file and hardly
anything else, and a known site that begins to hang has taken its places as one in good standing.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from enum import Enum, auto

from mailsvc.delivery.places import Place, Places

#: A session steps aside after so long (seconds): most are over in one, and the promise to the others is five (P10).
LONG = 3.0


class Standing(Enum):
    """What is known of a destination."""

    NEW = auto()  #: it has not been heard of
    GOOD = auto()  #: it has a profile, or its last session came to a word about the mail
    FAILING = auto()  #: its last session led nowhere


class Shares:
    """The places of the process."""

    def __init__(self, sessions: int, *, room: int = 0) -> None:
        """``room`` is for how many sessions that take long there is room beside the others."""
        self._all = Places(sessions, room=room)
        self._doubtful = Places(max(1, sessions // 2), room=room)
        self._failing = Places(max(1, sessions // 4), room=room)
        self._before = {
            Standing.GOOD: (),
            Standing.NEW: (self._doubtful,),
            Standing.FAILING: (self._failing, self._doubtful),
        }

    @asynccontextmanager
    async def at(self, standing: Standing, by: float) -> AsyncIterator[None]:
        """Hold a place of the share; raise `TimeoutError` when none is free by the deadline (loop time)."""
        async with AsyncExitStack() as held:
            places = [await held.enter_async_context(share.at(by)) for share in (*self._before[standing], self._all)]
            timer = asyncio.get_running_loop().call_later(LONG, _step_aside, places)
            held.callback(timer.cancel)
            yield

    @property
    def crowded(self) -> bool:
        """Whether sites that may hang hold so many places that a new one is to have a single session."""
        return self._doubtful.taken >= self._failing.limit

    def predicted_wait(self) -> float:
        """Return the seconds that a mail taken now would wait for a session of this process."""
        return self._all.predicted_wait()


def _step_aside(places: Iterable[Place]) -> None:
    for place in places:
        place.step_aside()
