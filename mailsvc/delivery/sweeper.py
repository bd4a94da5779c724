"""Once a second: find what needs doing and nobody was told of, from the store, which is the truth (DESIGN 2.1).

Rings for what is due, closes abandoned attempts (at a start: those of the last process), reports messages at risk, lets
go of states of addresses that have lapsed, follows the clock; hourly it deletes what has been kept long enough. A store
that cannot write is asked again later.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from functools import partial

import structlog

from mailsvc.clock import Clock
from mailsvc.queue import Queue
from mailsvc.store import Store, address_states, lifecycle, recovery, retention, shares
from mailsvc.store.rounds import rounds

INTERVAL = 1.0  # seconds
PRUNE_INTERVAL = 3600.0  # seconds
FIRST_PRUNE = 60.0  # seconds after the start
#: So often the write-ahead log is emptied: the sealed codes of messages that ended lie in it (seconds).
CHECKPOINT_INTERVAL = 30.0
#: What a ring has not set off by so many seconds is rung for again.
OVERDUE = 1.0

log = structlog.get_logger(__name__)


class Sweeper:
    """Keeps the process and the store in step."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        queue: Queue,
        keep_messages: float,
        keep_events: float,
        keep_reports: float,
        observe: Callable[[int, float, float], None],
        observe_addresses: Callable[[Mapping[str, int], Collection[str]], None],
    ) -> None:
        """``observe`` takes the number of queued messages, the age of the oldest, and that of the oldest untried code.

        ``observe_addresses`` takes the number of addresses by state, and the sites that are not believed.
        """
        self._store = store
        self._clock = clock
        self._queue = queue
        self._keep_messages = keep_messages
        self._keep_events = keep_events
        self._keep_reports = keep_reports
        self._observe = observe
        self._observe_addresses = observe_addresses
        self._frozen: AbstractSet[str] = frozenset()
        self._checkpointed_at = clock.now()
        # Soon after the start, not an hour later: a service that is restarted often must delete as well.
        self._pruned_at = clock.now() - PRUNE_INTERVAL + FIRST_PRUNE

    async def run(self) -> None:
        """Sweep until cancelled."""
        await rounds(self.sweep, INTERVAL, partial(log.error, "sweep.failed"))

    async def sweep(self) -> None:
        """Do one round."""
        if self._store.failing:
            await self._store.prove()
        if jump := self._clock.discipline():
            log.warning("clock.jumped", seconds=round(jump, 3))
        await self.close_abandoned()
        now = self._clock.now()
        for message_id in await self._store.read(partial(lifecycle.due, now=now - OVERDUE)):
            self._queue.ring(message_id, now)
        await self._store.write(partial(lifecycle.report_risks, now=now))
        if now - self._checkpointed_at > CHECKPOINT_INTERVAL:
            self._checkpointed_at = now
            await self._store.checkpoint()
        backlog = await self._store.read(lifecycle.backlog)
        oldest, untried = (0.0 if at is None else now - at for at in (backlog.oldest, backlog.untried))
        self._observe(backlog.messages, oldest, untried)
        await self._sweep_addresses(now)
        if now - self._pruned_at > PRUNE_INTERVAL:
            await self._prune(now)

    async def _sweep_addresses(self, now: float) -> None:
        await self._store.write(partial(address_states.sweep, now=now))
        frozen = await self._store.read(shares.frozen)
        for destination in frozen.keys() - self._frozen:
            log.error("address.flagging_frozen", destination=destination)
        for destination in self._frozen - frozen.keys():
            log.info("address.flagging_resumed", destination=destination)
        self._frozen = frozen.keys()
        self._observe_addresses(await self._store.read(address_states.counts), self._frozen)

    async def close_abandoned(self) -> int:
        """Record what became of attempts that nobody runs, ring for their messages; return how many there were."""
        open_ = await self._store.read(recovery.open_attempts)
        # All at once, so that they share transactions: ten thousand of them must not hold up a start.
        closed = await asyncio.gather(*(self._close(id_) for id_ in open_ if not self._store.gate.open(id_)))
        return sum(closed)

    async def _close(self, message_id: str) -> bool:
        """Record the end of one abandoned attempt; whether there was anything to do."""
        now = self._clock.now()
        message = await self._store.write(partial(recovery.close_attempt, message_id=message_id, now=now))
        self._store.gate.forget(message_id)
        if message and message.next_attempt_at is not None:
            self._queue.ring(message.id, message.next_attempt_at)
        return message is not None

    async def ring_all(self) -> None:
        """Ring for every try that is still to come, as after a start."""
        for message_id, at in await self._store.read(lifecycle.waiting):
            self._queue.ring(message_id, at)

    async def _prune(self, now: float) -> None:
        self._pruned_at = now
        prune = partial(
            retention.prune,
            now=now,
            keep_messages=self._keep_messages,
            keep_events=self._keep_events,
            keep_reports=self._keep_reports,
        )
        while await self._store.write(prune):  # noqa: ASYNC110  polling is not what this is
            await asyncio.sleep(0.05)  # codes go first
