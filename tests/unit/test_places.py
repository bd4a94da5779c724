"""A bounded number of places."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from mailsvc.delivery.places import Places


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _use(places: Places, deadline: float, order: list[float], held: asyncio.Event) -> None:
    async with places.at(_now() + 100 + deadline):
        order.append(deadline)
        await held.wait()


async def test_waiting_are_served_by_their_deadline() -> None:
    """Whoever has the nearest deadline gets the next place, whoever came first among equals."""
    places, order, held = Places(1), [], asyncio.Event()
    first = asyncio.create_task(_use(places, 9.0, order, held))
    await asyncio.sleep(0)
    others = [asyncio.create_task(_use(places, deadline, order, held)) for deadline in (5.0, 3.0, 7.0, 3.0)]
    await asyncio.sleep(0)
    assert places.waiting == 4
    held.set()
    await asyncio.gather(first, *others)
    assert order == [9.0, 3.0, 3.0, 5.0, 7.0]
    assert places.idle


async def test_never_more_are_inside_than_the_limit() -> None:
    """A hundred at once share three places."""
    places, inside, most = Places(3), 0, 0

    async def use(deadline: float) -> None:
        nonlocal inside, most
        async with places.at(_now() + 100 + deadline):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(use(float(n % 7)) for n in range(100)))
    assert most == 3
    assert places.idle


@pytest.mark.parametrize("given_first", [False, True])
async def test_place_of_somebody_who_left_goes_to_the_next(*, given_first: bool) -> None:
    """Cancelling who waits, or who was given the place in the same moment, loses no place."""
    places, order, held = Places(1), [], asyncio.Event()
    holder = asyncio.create_task(_use(places, 1.0, order, held))
    await asyncio.sleep(0)
    leaver = asyncio.create_task(_use(places, 2.0, order, asyncio.Event()))
    await asyncio.sleep(0)
    if given_first:
        held.set()
        await holder
    leaver.cancel()
    held.set()
    await asyncio.gather(holder, leaver, return_exceptions=True)
    await asyncio.wait_for(_use(places, 3.0, order, held), 1)
    assert order[-1] == 3.0
    assert places.idle


async def test_nobody_waits_beyond_the_deadline() -> None:
    """Who gets no place in time is told so, and takes none later."""
    places, held = Places(1), asyncio.Event()
    holder = asyncio.create_task(_use(places, 1.0, [], held))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        async with places.at(_now() + 0.02):
            pass
    held.set()
    await holder
    assert places.idle


async def test_wait_is_predicted_also_while_every_holder_hangs() -> None:
    """With nobody waiting it is zero; where nothing moves it is the time since a place was last given."""
    places, held = Places(1), asyncio.Event()
    assert places.predicted_wait() == 0.0
    tasks = [asyncio.create_task(_use(places, 1.0, [], held)) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0.06)
    assert places.predicted_wait() >= 0.05
    held.set()
    await asyncio.gather(*tasks)


async def test_widening_serves_those_who_wait() -> None:
    """A place that is added is given at once, up to the limit."""
    places, order, held = Places(1), [], asyncio.Event()
    tasks = [asyncio.create_task(_use(places, float(n), order, held)) for n in range(4)]
    await asyncio.sleep(0)
    places.widen(2)
    places.widen(2)
    await asyncio.sleep(0)
    assert order == [0.0, 1.0]
    held.set()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize(("limit", "inside"), [(1, 2), (4, 5), (20, 25)])
async def test_those_who_step_aside_make_room_for_a_quarter_more(limit: int, inside: int) -> None:
    """However many only wait, others find a place, and never more than a quarter beyond the limit are inside."""
    places, left = Places(limit), asyncio.Event()

    async def use() -> None:
        async with places.at(_now() + 100) as place:
            place.step_aside()
            place.step_aside()
            await left.wait()

    tasks = [asyncio.create_task(use()) for _ in range(limit * 3)]
    await asyncio.sleep(0.01)
    assert places.waiting == limit * 3 - inside
    left.set()
    await asyncio.gather(*tasks)
    assert places.idle


async def test_few_who_step_aside_leave_the_limit_as_it_is() -> None:
    """A site that is slow to answer some dots has no more sessions than before."""
    places = Places(8)
    async with AsyncExitStack() as stack:
        held = [await stack.enter_async_context(places.at(_now() + 100)) for _ in range(8)]
        for place in held[:6]:
            place.step_aside()
        with pytest.raises(TimeoutError):
            await stack.enter_async_context(places.at(_now() + 0.02))
        held[6].step_aside()
        await stack.enter_async_context(places.at(_now() + 0.02))


async def test_those_who_step_aside_count_no_more_where_there_is_room() -> None:
    """Up to the room they leave their places to others; beyond it they keep them."""
    places = Places(2, room=3)
    async with AsyncExitStack() as stack:
        for _ in range(5):
            place = await stack.enter_async_context(places.at(_now() + 1))
            place.step_aside()
        assert places.taken == 0
        with pytest.raises(TimeoutError):
            await stack.enter_async_context(places.at(_now() + 0.02))
    assert places.idle
