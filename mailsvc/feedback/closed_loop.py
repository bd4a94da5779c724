"""Every few seconds: which of the codes that were taken have been used, and which sites let codes vanish.

The judging is the store's (`store.uses`); here it is kept going, logged, and told to the metrics and to ``/readyz``. A
store that cannot write is asked again later; a code is judged once all the same.
"""

import asyncio
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import partial

import structlog

from mailsvc.clock import Clock
from mailsvc.domain.instant import rfc3339
from mailsvc.store import Store, uses
from mailsvc.store.rounds import rounds
from mailsvc.store.uses import Standing

INTERVAL = 5.0  # seconds

log = structlog.get_logger(__name__)


class ClosedLoop:
    """Keeps looking at what became of codes."""

    def __init__(
        self, *, store: Store, clock: Clock, observe: Callable[[AbstractSet[str], float | None], None]
    ) -> None:
        """``observe`` takes the sites that let codes vanish, and since when no use is reported (None: it is)."""
        self._store = store
        self._clock = clock
        self._observe = observe
        self._standing = Standing(frozenset(), None)

    @property
    def problem(self) -> str | None:
        """What ``/readyz`` says; None while nothing is wrong with the reports of use."""
        since = self._standing.missing_since
        return None if since is None else f"since {rfc3339(since)} no site's codes are reported as used as they were"

    async def run(self) -> None:
        """Look until cancelled."""
        await rounds(self.step, INTERVAL, partial(log.error, "uses.failed"))

    async def step(self) -> None:
        """Judge what is due, and tell what has changed."""
        while await self._store.write(partial(uses.judge, now=self._clock.now())):  # noqa: ASYNC110  not a poll
            await asyncio.sleep(0.05)  # codes go first
        standing = await self._store.read(uses.standing)
        self._log(standing)
        self._standing = standing
        self._observe(standing.discarding, standing.missing_since)

    def _log(self, standing: Standing) -> None:
        before = self._standing
        for destination in sorted(standing.discarding - before.discarding):
            log.error("destination.discarding", destination=destination)
        for destination in sorted(before.discarding - standing.discarding):
            log.info("destination.discarding_ended", destination=destination)
        if standing.missing_since is not None and before.missing_since is None:
            log.error("used.none_reported", since=rfc3339(standing.missing_since))
        if standing.missing_since is None and before.missing_since is not None:
            log.info("used.reported_again")
