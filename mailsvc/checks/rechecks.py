"""Checks that DNS left open are made again by the service itself (CONTRACT 3.4: "accept, check again later").

Decides when, and what follows: a domain that is found good is forgotten, one that takes no mail is evidence for the
address, which is told as ``address.changed``, and one that DNS says nothing about for a week is given up. All of it is
in the store, so a restart changes nothing. A store that cannot write is asked again later.
"""

import asyncio
from functools import partial

import structlog

from mailsvc.checks.check import Checked
from mailsvc.checks.domains import Domains
from mailsvc.clock import Clock
from mailsvc.domain.check import DomainFinding, Verdict, verdict_of
from mailsvc.store import Store, StoreUnavailable, Transaction, rechecks
from mailsvc.store.rechecks import Recheck
from mailsvc.store.rounds import rounds

#: So long after the check, and after each look that got no answer, the next look comes (seconds); the last repeats.
DELAYS = (60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 12 * 3600.0, 24 * 3600.0)
#: A domain that DNS has said nothing about for so long is given up (seconds).
GIVEN_UP = 7 * 86400.0
INTERVAL = 5.0  # seconds
#: Addresses that one round looks at.
BATCH = 50

log = structlog.get_logger(__name__)


def next_look(since: float, looks: int, now: float) -> float | None:
    """Return when a domain is looked up again after so many looks without an answer; None: no more."""
    return None if now - since >= GIVEN_UP else now + DELAYS[min(looks, len(DELAYS) - 1)]


class Rechecks:
    """Remembers the addresses, and looks at their domains."""

    def __init__(self, *, store: Store, clock: Clock, domains: Domains) -> None:
        self._store = store
        self._clock = clock
        self._domains = domains

    async def remember(self, checked: Checked) -> None:
        """Have an address looked at again where its check was left open; the answer to the form stands either way."""
        address = checked.reading.address
        if address is None or not checked.open:
            return
        now = self._clock.now()
        recheck = Recheck(address.identity, now, 0, now + DELAYS[0])
        try:
            await self._store.write(partial(rechecks.remember, recheck=recheck))
        except StoreUnavailable:
            log.warning("recheck.not_remembered")

    async def run(self) -> None:
        """Look at what is due until cancelled."""
        await rounds(self.sweep, INTERVAL, partial(log.error, "recheck.failed"))

    async def sweep(self) -> None:
        """Do one round."""
        due = await self._store.read(partial(rechecks.due, now=self._clock.now(), limit=BATCH))
        await asyncio.gather(*map(self._look, due))

    async def _look(self, recheck: Recheck) -> None:
        finding = await self._domains.look(recheck.address.rpartition("@")[2])
        await self._store.write(partial(_settle, recheck=recheck, finding=finding, now=self._clock.now()))


def _settle(tx: Transaction, recheck: Recheck, finding: DomainFinding, now: float) -> None:
    """Do what follows from a look."""
    verdict = verdict_of(finding.reasons)
    later = next_look(recheck.since, recheck.looks + 1, now)
    if verdict is Verdict.REJECT:
        rechecks.condemn(tx, recheck, f"looked up again: {finding.reasons[0].code}", now)
    elif verdict is Verdict.UNKNOWN and later is not None:
        rechecks.postpone(tx, recheck, later)
    else:
        rechecks.drop(tx, recheck)
