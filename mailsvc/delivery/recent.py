"""Names that something was noted of a while ago: hosts in trouble, broken offers of TLS.

Kept in memory and bounded: the names noted longest ago are forgotten first. Decides nothing.
"""

import asyncio
from collections import OrderedDict

#: Names remembered at most.
SIZE = 10_000


class Recent:
    """Remembers each name for so many seconds after it was noted last."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: OrderedDict[str, float] = OrderedDict()

    def note(self, name: str, until: float | None = None) -> None:
        """Remember a name from now on, until a certain instant (loop time) where one is given."""
        self._until[name] = until or asyncio.get_running_loop().time() + self._seconds
        self._until.move_to_end(name)
        while len(self._until) > SIZE:
            self._until.popitem(last=False)

    def forget(self, name: str) -> None:
        """Forget a name."""
        self._until.pop(name, None)

    def until(self, name: str) -> float:
        """Return until when a name is remembered (loop time), which may be over; 0 where nothing was noted."""
        return self._until.get(name, 0.0)

    def __contains__(self, name: str) -> bool:
        """Whether a name is remembered."""
        return self.until(name) > asyncio.get_running_loop().time()
