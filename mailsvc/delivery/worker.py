"""Runs the rounds of one process, each message's in a task of its own.

What the process accepts is taken at once; what the queue rings for is claimed in the store first. How many run against
one server at a time is the route's business. A message that was superseded or cancelled before its dot is cut off.
"""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial

import structlog

from mailsvc.clock import Clock
from mailsvc.delivery.deliver import Delivery
from mailsvc.domain.event import Event, EventType
from mailsvc.domain.message import Message
from mailsvc.queue import Queue
from mailsvc.store import Store, StoreUnavailable, lifecycle

#: At a stop, rounds before the dot may go on so long, those after it so long in all (seconds).
DRAIN = 20.0
DRAIN_AFTER_DOT = 75.0
_CUT_OFF = frozenset({EventType.MESSAGE_SUPERSEDED, EventType.MESSAGE_CANCELLED})

log = structlog.get_logger(__name__)


class Worker:
    """Takes claimed messages and follows each until its round is recorded."""

    def __init__(self, *, store: Store, clock: Clock, queue: Queue, delivery: Delivery) -> None:
        self._store = store
        self._clock = clock
        self._queue = queue
        self._delivery = delivery
        self._running: dict[str, asyncio.Task[None]] = {}
        self._claiming: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work."""
        self._store.subscribe(self.cut_off)
        self._listener = asyncio.create_task(self._listen())

    def take(self, message: Message) -> None:
        """Deliver a claimed message, unless it has ended since it was claimed."""
        if not self._store.gate.holds(message.id, message.fence):
            self._store.gate.abandon(message.id)
            return
        task = asyncio.create_task(self._attempt(message, self._clock.now()))
        self._running[message.id] = task
        task.add_done_callback(partial(self._forget, message.id))

    def cut_off(self, events: Sequence[Event]) -> None:
        """End the rounds of messages that are not to be handed over any more, unless they are past the gate."""
        for event in events:
            task = self._running.get(event.message or "")
            if task and event.type in _CUT_OFF and event.message and not self._store.gate.passed(event.message):
                task.cancel()

    async def stop(self) -> None:
        """Take nothing more; end what is before the dot within ``DRAIN``, what is after it within ``DRAIN_AFTER_DOT``.

        What is cut off is taken up by the next start.
        """
        if self._listener:
            self._listener.cancel()
        await self._wait(self._claiming, DRAIN)
        await self._wait(self._running.values(), DRAIN)
        past = {message_id for message_id in self._running if self._store.gate.passed(message_id)}
        for message_id in self._running.keys() - past:
            self._running[message_id].cancel()
        await self._wait(self._running.values(), DRAIN_AFTER_DOT - DRAIN)

    def _forget(self, message_id: str, task: asyncio.Task[None]) -> None:
        self._running.pop(message_id, None)
        if task.cancelled():  # maybe before its first step, when nothing of `_attempt` has run
            self._store.gate.abandon(message_id)

    async def _wait(self, tasks: Iterable[asyncio.Task[None]], seconds: float) -> None:
        if waited := list(tasks):
            await asyncio.wait(waited, timeout=seconds)

    async def _listen(self) -> None:
        while True:
            # Not one after the other: claims that come together share a transaction.
            task = asyncio.create_task(self._claim(await self._queue.next()))
            self._claiming.add(task)
            task.add_done_callback(self._claiming.discard)

    async def _claim(self, message_id: str) -> None:
        now = self._clock.now()
        try:
            message = await self._store.write(partial(lifecycle.claim, message_id=message_id, now=now))
        except StoreUnavailable:
            return  # the sweeper rings again
        except Exception as error:  # noqa: BLE001  whatever failed, the others go on
            log.error("claim.failed", message=message_id, error=type(error).__name__)  # noqa: TRY400  no values in the log
            return
        if message:
            self.take(message)

    async def _attempt(self, message: Message, due: float) -> None:
        try:
            concluded = await self._delivery.attempt(message, due)
        except Exception as error:  # noqa: BLE001  whatever failed, the others go on
            # A fault of ours: the sweeper finds the message and records what became of it.
            log.error("worker.failed", message=message.id, error=type(error).__name__)  # noqa: TRY400  no values in the log
            self._store.gate.abandon(message.id)
            return
        if concluded.next_attempt_at is not None:
            self._queue.ring(concluded.id, concluded.next_attempt_at)
