"""Reads the event log behind its writers and adds up how codes fared, by minute and hour (`store.figures`).

A code is counted once, when it has ended. Whether it was on time is `telemetry.on_time`'s to say.
"""

import asyncio
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import structlog

from mailsvc.clock import Clock
from mailsvc.domain.figures import BOUNDS, Figures, side_of
from mailsvc.domain.message import MessageState
from mailsvc.domain.outcome import Category
from mailsvc.store import Store, Transaction, actions, figures
from mailsvc.store.figures import Ended
from mailsvc.store.rounds import rounds
from mailsvc.telemetry.ended import last_attempt, site, total_seconds
from mailsvc.telemetry.on_time import Judgement, judge

#: Seconds from one look at the log to the next.
INTERVAL = 1.0
#: Between two batches, for codes go first (seconds).
PAUSE = 0.05
PRUNE_INTERVAL = 3600.0  # seconds

log = structlog.get_logger(__name__)


class Bookkeeper:
    """Keeps the figures up to date."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._pruned_at = clock.now()

    async def run(self) -> None:
        """Follow the log until cancelled."""
        await rounds(self._round, INTERVAL, partial(log.error, "figures.failed"))

    async def step(self) -> bool:
        """Add up a batch of events; True when more may be left."""
        part = await self._store.read(figures.unread)
        if part.after != part.before:
            read, found = (part.before, part.after), added_up(part.ended)
            await self._store.write(partial(figures.add, read=read, found=found, now=self._clock.now()))
        return part.more

    async def _round(self) -> None:
        while await self.step():  # noqa: ASYNC110  polling is not what this is
            await asyncio.sleep(PAUSE)
        await self._prune()

    async def _prune(self) -> None:
        now = self._clock.now()
        if now - self._pruned_at < PRUNE_INTERVAL:
            return
        self._pruned_at = now

        def prune(tx: Transaction) -> bool:
            actions.prune(tx, now)
            return figures.prune(tx, now)

        while await self._store.write(prune):  # noqa: ASYNC110  polling is not what this is
            await asyncio.sleep(PAUSE)


def added_up(ended: Iterable[Ended]) -> Mapping[tuple[str, float], Figures]:
    """Return the figures of messages that ended, by receiving site and the instant at which their minute began."""
    found: dict[tuple[str, float], Figures] = {}
    for one in ended:
        key = (_site(one), one.at // figures.MINUTE * figures.MINUTE)
        found[key] = found.get(key, Figures()) + of_message(one.data)
    return found


def of_message(message: Mapping[str, Any]) -> Figures:
    """Return the figures of one message that has ended, as CONTRACT 3.2 shows it."""
    judgement = judge(message)
    categories = Counter(attempt["category"] for attempt in message["attempts"])
    sides = Counter[str]()
    stages = Counter[str]()
    for attempt in message["attempts"]:
        if side := side_of(Category(attempt["category"])):
            sides[side.value] += 1
        stages.update(attempt["seconds"])
    return Figures(
        codes=judgement is not None,
        on_time=judgement is Judgement.ON_TIME,
        times=_times(message) if judgement else (0,) * (len(BOUNDS) + 1),
        sides=sides,
        categories=categories,
        stages=stages,
        attempts=len(message["attempts"]),
    )


def _times(message: Mapping[str, Any]) -> tuple[int, ...]:
    taken = message["state"] == MessageState.SENT
    slot = bisect_left(BOUNDS, total_seconds(message)) if taken else None
    return tuple(int(index == slot) for index in range(len(BOUNDS) + 1))


def _site(ended: Ended) -> str:
    """Return where a message went; where that never became known, the domain of its recipient."""
    return site(last_attempt(ended.data)) or (ended.address or "").rpartition("@")[2].lower()
