"""The worker and messages that end before their round has begun."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from mailsvc.clock import Clock
from mailsvc.delivery.worker import Worker
from mailsvc.domain.event import Event, EventType
from mailsvc.domain.message import Message
from mailsvc.queue import LocalQueue
from mailsvc.store import Store, lifecycle
from tests.support.store import accepted, opened


class Delivery:
    """Never ends a round, and remembers which it was given."""

    def __init__(self) -> None:
        self.given: list[str] = []

    async def attempt(self, message: Message, _due: float) -> Message:
        """Begin a round."""
        self.given.append(message.id)
        await asyncio.Event().wait()
        return message


def _worker(store: Store, delivery: Delivery) -> Worker:
    clock = Clock()
    worker = Worker(store=store, clock=clock, queue=LocalQueue(clock.now), delivery=delivery)  # type: ignore[arg-type]
    worker.start()
    return worker


def _cancelled(message: Message) -> Event:
    return Event(
        seq=1,
        id="evt_1",
        type=EventType.MESSAGE_CANCELLED,
        at=message.accepted_at,
        message=message.id,
        challenge=None,
        customer=None,
        address=None,
        data={},
    )


async def _cancel(store: Store, message: Message) -> None:
    await store.write(partial(lifecycle.cancel, message_id=message.id, now=message.accepted_at))


@pytest.mark.parametrize("begun", [True, False])
async def test_round_cut_off_leaves_nothing_in_the_gate(tmp_path: Path, *, begun: bool) -> None:
    """A message cancelled in its round, or in the moment before its task first ran, is no longer under way."""
    async with opened(f"sqlite:///{tmp_path / 'mailsvc.db'}") as store:
        worker, message = _worker(store, Delivery()), await accepted(store)
        worker.take(message)
        if begun:
            await asyncio.sleep(0)
        worker.cut_off([_cancelled(message)])
        await asyncio.sleep(0.01)
        await worker.stop()
        assert not store.gate.open(message.id)


async def test_message_that_ended_before_it_was_taken_gets_no_round(tmp_path: Path) -> None:
    """A code that a newer one superseded in the transaction of its own acceptance waits for no session."""
    async with opened(f"sqlite:///{tmp_path / 'mailsvc.db'}") as store:
        delivery = Delivery()
        worker, message = _worker(store, delivery), await accepted(store)
        await _cancel(store, message)
        worker.take(message)
        await asyncio.sleep(0.01)
        assert delivery.given == []
        assert not store.gate.open(message.id)
        await worker.stop()
