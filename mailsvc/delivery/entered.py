"""Entering what may keep one waiting, in time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

_Held = TypeVar("_Held")


@asynccontextmanager
async def entered(awaited: AbstractAsyncContextManager[_Held], by: float) -> AsyncIterator[_Held]:
    """Hold what is awaited; raise `TimeoutError` where it has not been entered by an instant (loop time)."""
    async with AsyncExitStack() as stack:
        async with asyncio.timeout_at(by):
            held = await stack.enter_async_context(awaited)
        yield held
