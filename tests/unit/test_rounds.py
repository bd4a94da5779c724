"""Work that goes on: what ends one round of it does not end the next."""

import asyncio

import pytest

from mailsvc.store import StoreUnavailable
from mailsvc.store.rounds import rounds


async def test_round_that_fails_is_followed_by_the_next() -> None:
    """A store that cannot be used is passed over in silence, a fault of ours is told by its kind, and both go on."""
    ends = iter([StoreUnavailable("the disk is full"), ValueError("042917"), None, asyncio.CancelledError()])
    told: list[str] = []

    async def step() -> None:
        if end := next(ends):
            raise end

    with pytest.raises(asyncio.CancelledError):
        await rounds(step, 0, lambda *, error: told.append(error))
    assert told == ["ValueError"]
