"""DNS questions: cached, asked once however many wait, and answered from stale data while the resolver is down.

Answers are kept for their TTL within bounds. A name that once answered is served for a day after that when the
resolver cannot be reached (RFC 8767): a broken resolver must not stop codes to domains that took them an hour ago.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.resolver

from mailsvc.dns.answer import DnsTrouble, NoSuchDomain, Records

#: Bounds of the time an answer is kept (seconds); a "no" is kept for the lower one.
TTL_MIN = 30.0
TTL_MAX = 3600.0
#: How long after that an answer may still be served while the resolver is down (seconds), RFC 8767 5.
STALE = 24 * 3600.0
#: While stale data is served the resolver is asked again after so many seconds, RFC 8767 5.
STALE_RETRY = 30.0
#: Names kept at most.
SIZE = 50_000
#: Seconds for one server's answer, and for all of them.
TIMEOUT = 2.0
LIFETIME = 5.0

Question = tuple[str, str]  #: name in lower case, record type


@dataclass(slots=True)
class _Kept:
    answer: Records | NoSuchDomain
    fresh_until: float
    stale_until: float


class Resolver:
    """Asks the given servers (address and port), or the system's."""

    def __init__(self, servers: Sequence[tuple[str, int]] = (), *, now: Callable[[], float] = time.monotonic) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        if servers:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in servers]
        self._resolver.timeout, self._resolver.lifetime = TIMEOUT, LIFETIME
        self._now = now
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()
        self._asking: dict[Question, asyncio.Task[Records | NoSuchDomain]] = {}

    async def ask(self, name: str, type_: str) -> Records:
        """Return the records of a name; raise `NoSuchDomain` or `DnsTrouble`."""
        question = (name.lower().rstrip("."), type_)
        kept = self._kept.get(question)
        if kept is None or kept.fresh_until <= self._now():
            kept = await self._refresh(question, kept)
        if isinstance(kept.answer, NoSuchDomain):
            raise NoSuchDomain(*kept.answer.args)
        return kept.answer

    async def _refresh(self, question: Question, kept: _Kept | None) -> _Kept:
        try:
            answer = await self._once(question)
        except DnsTrouble:
            if kept is None or kept.stale_until <= self._now():
                raise
            kept.fresh_until = self._now() + STALE_RETRY
            return kept
        return self._keep(question, answer)

    async def _once(self, question: Question) -> Records | NoSuchDomain:
        """Ask, or wait for the answer to the same question that is being asked already."""
        task = self._asking.get(question)
        if task is None:
            task = asyncio.create_task(self._query(question))
            self._asking[question] = task
            task.add_done_callback(lambda _: self._asking.pop(question, None))
        return await asyncio.shield(task)

    async def _query(self, question: Question) -> Records | NoSuchDomain:
        name, type_ = question
        try:
            answer = await self._resolver.resolve(
                dns.name.from_text(name), type_, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN:
            return NoSuchDomain(f"{name} does not exist")
        except dns.resolver.NoNameservers:
            raise DnsTrouble(f"DNS cannot answer for {name} ({type_})") from None
        except (dns.exception.DNSException, OSError, UnicodeError, ValueError) as error:
            raise DnsTrouble(f"no answer from DNS for {name} ({type_}): {type(error).__name__}") from None
        if answer.rrset is None:
            return Records((), TTL_MIN)
        return Records(tuple(record.to_text() for record in answer.rrset), float(answer.rrset.ttl))

    def _keep(self, question: Question, answer: Records | NoSuchDomain) -> _Kept:
        positive = isinstance(answer, Records) and answer.values
        ttl = min(max(answer.ttl, TTL_MIN), TTL_MAX) if isinstance(answer, Records) else TTL_MIN
        now = self._now()
        kept = _Kept(answer, now + ttl, now + (STALE if positive else ttl))
        self._kept[question] = kept
        self._kept.move_to_end(question)
        while len(self._kept) > SIZE:
            self._kept.popitem(last=False)
        return kept


#: What `MailHosts` needs of a resolver.
Ask = Callable[[str, str], Awaitable[Records]]
