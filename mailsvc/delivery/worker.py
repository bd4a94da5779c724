"""Runs the attempts of one process: as many at a time as the route takes, the nearest deadline first.

What the process accepts is taken at once; what the queue rings for is claimed in the store first.
"""

import asyncio
import itertools
from contextlib import suppress
from functools import partial

import structlog

from mailsvc.clock import Clock
from mailsvc.delivery.deliver import Delivery
from mailsvc.domain.message import Message
from mailsvc.queue import Queue
from mailsvc.store import Store, StoreUnavailable, lifecycle

#: At a stop, attempts before the dot may go on so long, those after it so long (seconds).
DRAIN = 20.0
DRAIN_AFTER_DOT = 75.0
#: Weight of the newest attempt in the running mean of their lengths.
_NEWEST = 0.05

log = structlog.get_logger(__name__)


class Worker:
    """Takes claimed messages and follows each until its attempt is recorded."""

    def __init__(self, *, store: Store, clock: Clock, queue: Queue, delivery: Delivery) -> None:
        self._store = store
        self._clock = clock
        self._queue = queue
        self._delivery = delivery
        self._order = itertools.count()
        self._waiting: asyncio.PriorityQueue[tuple[float, int, float, Message]] = asyncio.PriorityQueue()
        self._busy: dict[asyncio.Task[None], str | None] = {}
        self._listener: asyncio.Task[None] | None = None
        self._stopping = False
        self._mean = 0.0  # seconds an attempt takes
        self._last_begun = 0.0  # when an attempt last began

    def start(self) -> None:
        """Begin to work."""
        for _ in range(self._delivery.route.capacity):
            self._busy[asyncio.create_task(self._work())] = None
        self._listener = asyncio.create_task(self._listen())

    def take(self, message: Message) -> None:
        """Deliver a claimed message as soon as a place is free."""
        self._waiting.put_nowait((message.expires_at, next(self._order), self._clock.now(), message))

    def predicted_wait(self) -> float:
        """Return the seconds that a message accepted now would wait for its first attempt."""
        waiting = self._waiting.qsize()
        if not waiting:
            return 0.0
        # Where all places hang nothing ends, and the mean says nothing: then the wait so far does.
        return max(waiting * self._mean / self._delivery.route.capacity, self._clock.now() - self._last_begun)

    async def stop(self) -> None:
        """Take nothing more; end what is before the dot within ``DRAIN``, what is after it within ``DRAIN_AFTER_DOT``.

        What is cut off is taken up by the next start.
        """
        self._stopping = True
        if self._listener:
            self._listener.cancel()
        idle = [task for task, message_id in self._busy.items() if message_id is None]
        for task in idle:
            task.cancel()
        await self._end(dict.fromkeys(self._busy), DRAIN)
        past_dot = [
            task for task, message_id in self._busy.items() if message_id and self._store.gate.passed(message_id)
        ]
        for task in self._busy.keys() - set(past_dot):
            task.cancel()
        await self._end(dict.fromkeys(past_dot), DRAIN_AFTER_DOT - DRAIN)

    async def _end(self, tasks: dict[asyncio.Task[None], None], seconds: float) -> None:
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    async def _listen(self) -> None:
        while True:
            message_id = await self._queue.next()
            now = self._clock.now()
            with suppress(StoreUnavailable):  # the sweeper rings again
                message = await self._store.write(partial(lifecycle.claim, message_id=message_id, now=now))
                if message:
                    self.take(message)

    async def _work(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        while not self._stopping:
            _, _, due, message = await self._waiting.get()
            self._busy[task] = message.id
            await self._attempt(message, due)
            self._busy[task] = None

    async def _attempt(self, message: Message, due: float) -> None:
        begun = self._last_begun = self._clock.now()
        try:
            concluded = await self._delivery.attempt(message, due)
        except Exception as error:  # noqa: BLE001  whatever failed, the others go on
            # A fault of ours: the sweeper finds the message and records what became of it.
            log.error("worker.failed", message=message.id, error=type(error).__name__)  # noqa: TRY400  no values in the log
            self._store.gate.abandon(message.id)
            return
        self._mean += (self._clock.now() - begun - self._mean) * _NEWEST
        if concluded.next_attempt_at is not None:
            self._queue.ring(concluded.id, concluded.next_attempt_at)
