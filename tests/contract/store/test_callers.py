"""Callers of the writer that are cancelled, and those that come while the store closes."""

import asyncio
from typing import Any

import pytest

from mailsvc.store import Cipher, Store, StoreUnavailable, Transaction
from mailsvc.store.submit import submit
from tests.support.store import GUIDE, KEY, accept, asked, count, held, opened, stuck


def failing(tx: Transaction) -> None:
    submit(tx, asked(), (), None)
    raise ValueError


async def test_cancelled_caller_leaves_no_attempt_that_nobody_runs(store: Store) -> None:
    """Work whose caller is cancelled while it waits is done, and its attempt counts as abandoned."""
    async with held(store):
        task = asyncio.create_task(accept(store))
        await asyncio.sleep(0)
        task.cancel()
    await store.write(lambda _: None)  # comes after it
    assert await count(store, "messages") == 1
    assert len(await stuck(store)) == 1


@pytest.mark.parametrize("hops", range(5))
async def test_caller_cancelled_when_its_answer_comes_leaves_no_attempt(store: Store, hops: int) -> None:
    """At whichever step of the event loop a caller is cancelled, it gets its message or the attempt is abandoned."""

    def hop(left: int) -> None:
        if left:
            asyncio.get_running_loop().call_soon(hop, left - 1)
        else:
            task.cancel()

    store.subscribe(lambda _: hop(hops))
    task = asyncio.create_task(accept(store))
    await asyncio.wait([task])
    await asyncio.sleep(0.01)
    assert len(await stuck(store)) == int(task.cancelled())


async def test_cancelled_caller_of_failing_work_is_quiet(store: Store) -> None:
    """Nobody asks for the error of work whose caller has gone, and nothing complains of that."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    async with held(store):
        task = asyncio.create_task(store.write(failing))
        await asyncio.sleep(0)
        task.cancel()
    await store.write(lambda _: None)  # comes after it
    assert await count(store, "messages") == 0
    assert complaints == []


async def test_closed_store_does_the_waiting_work_and_refuses_more(database_url: str) -> None:
    """Closing finishes what waits; what comes while it closes, or later, is refused and does not hang."""
    store = await Store.open(database_url, Cipher([KEY]), GUIDE)
    async with held(store):
        waiting = asyncio.create_task(accept(store))
        await asyncio.sleep(0)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable):
            await accept(store)
    assert (await waiting).message is not None
    await closing
    with pytest.raises(StoreUnavailable):
        await accept(store)
    async with opened(database_url) as store:
        assert await count(store, "messages") == 1
