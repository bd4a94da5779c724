"""What DNS says of the domains of a list, each asked once.

A domain that DNS gave no answer for is asked once more, some time later; what is said then stands for the whole list.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Protocol

from mailsvc.dns.bounded import Bounded
from mailsvc.domain.check import DomainFinding, MailHost, ReasonCode

#: Domains asked at the same time.
TOGETHER = 64
#: Seconds until a domain without an answer is asked again.
AGAIN = 10.0
#: Findings kept at most; a domain beyond them that comes again is asked again.
SIZE = 250_000


class Looks(Protocol):
    """What is needed of `checks.domains.Domains`."""

    async def look(self, domain: str) -> DomainFinding:
        """Return what DNS says of a domain."""


class NoDns:
    """Asks nobody, and believes of every domain that it takes mail."""

    async def look(self, domain: str) -> DomainFinding:
        """Return a finding without a reason."""
        return DomainFinding(ascii=domain, mx=(MailHost(0, domain),))


class Findings:
    """Looks domains up once; the looks of all callers together are bounded."""

    def __init__(self, domains: Looks) -> None:
        self._domains = domains
        self._slots = asyncio.Semaphore(TOGETHER)
        self._known: Bounded[str, DomainFinding] = Bounded(SIZE)
        self._asked: dict[str, asyncio.Task[DomainFinding]] = {}

    async def of(self, domains: Collection[str]) -> Mapping[str, DomainFinding]:
        """Return the findings of domains in lower case."""
        return dict(zip(domains, await asyncio.gather(*map(self._of, domains)), strict=True))

    async def _of(self, domain: str) -> DomainFinding:
        if domain in self._known:
            return self._known[domain]
        asked = self._asked.get(domain)
        if asked is None:
            asked = self._asked[domain] = asyncio.create_task(self._learn(domain))
        return await asked

    async def _learn(self, domain: str) -> DomainFinding:
        finding = await self._look(domain)
        if any(reason.code is ReasonCode.DNS_TEMPORARY for reason in finding.reasons):
            await asyncio.sleep(AGAIN)
            finding = await self._look(domain)
        self._known[domain] = finding = replace(finding, mx=finding.mx[:1])  # whether it has one is all that counts
        del self._asked[domain]
        return finding

    async def _look(self, domain: str) -> DomainFinding:
        async with self._slots:
            return await self._domains.look(domain)
