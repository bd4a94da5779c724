"""What was found by name, kept for a while: a customer list names the same domains again and again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from mailsvc.dns.bounded import Bounded

#: What was found is believed for so long (seconds): as long as the resolver believes that a name does not exist.
KEPT = 30.0
SIZE = 10_000

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Finds a value, or returns what it found a moment ago."""

    def __init__(self, find: Callable[[str], Awaitable[Value]], *, keeps: Callable[[Value], bool]) -> None:
        """Take what finds a value, and what tells whether it is worth keeping: trouble is not."""
        self._find = find
        self._keeps = keeps
        self._found: Bounded[str, tuple[float, Value]] = Bounded(SIZE)

    async def __call__(self, name: str) -> Value:
        """Return the value of a name."""
        now = asyncio.get_running_loop().time()
        known = self._found.get(name)
        if known is not None and now < known[0]:
            return known[1]
        value = await self._find(name)
        if self._keeps(value):
            self._found[name] = now + KEPT, value
        return value
