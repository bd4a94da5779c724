"""The mail exchangers of a domain in the order in which they are tried (RFC 5321 5.1, RFC 7505).

Decides order and fallback; never whether a mail is sent. Answers come from `Resolver.ask`.
"""

import asyncio
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailsvc.dns.answer import DnsTrouble, NoSuchDomain, Question
from mailsvc.dns.bounded import Bounded
from mailsvc.dns.public import is_public
from mailsvc.dns.resolver import Ask

#: Mail exchangers and addresses of one that are looked at: more is no plan but an attack.
HOSTS_MAX = 16
ADDRESSES_MAX = 8
#: With a public address of one family known, the other family's answer is waited for so long (seconds).
GRACE = 0.5
#: A family that was late is not waited for again for so long, as long as the other one is there (seconds).
LATE = 30.0
#: Late answers remembered at most.
SIZE = 10_000

_Family = tuple[str, ...] | DnsTrouble  #: addresses, or why they are not known


class NullMx(Exception):
    """The domain says that it takes no mail (RFC 7505)."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One MX record; a domain without any is its own (implicit MX, preference 0)."""

    preference: int
    host: str  #: lower case, without the final dot


class MailHosts:
    """Answers where a domain takes mail."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._late: Bounded[Question, float] = Bounded(SIZE)  # until when

    async def exchanges(self, domain: str) -> list[Exchange]:
        """Return the mail exchangers, the most preferred first, equals in random order (RFC 5321 5.1).

        Raises `NoSuchDomain`, `NullMx` or `DnsTrouble`.
        """
        records = await self._ask(domain, "MX")
        found = [_exchange(record) for record in records.values]
        if not found:
            return [Exchange(0, domain.lower())]
        hosts = [exchange for exchange in found if exchange.host]
        if not hosts:
            raise NullMx(f"{domain} takes no mail (null MX)")
        hosts.sort(key=lambda exchange: (exchange.preference, random.random()))  # noqa: S311  spreads load
        return hosts[:HOSTS_MAX]

    async def addresses(self, host: str) -> list[str]:
        """Return the addresses of a host, IPv4 first (DESIGN 4); none where it has none.

        A family that is slow to answer is left out where the other one has a public address; it is known the next time.
        Raises `DnsTrouble` where neither family gave an answer that can be relied on.
        """
        answers = await self._families(host)
        found = _found(answers)
        trouble = next((answer for answer in answers if isinstance(answer, DnsTrouble)), None)
        if trouble and not found:
            raise trouble
        return found[:ADDRESSES_MAX]

    async def _families(self, host: str) -> list[_Family]:
        """Return what was said of each family in time."""
        asking = {asyncio.create_task(self._family(host, type_)): (host, type_) for type_ in ("A", "AAAA")}
        try:
            done, waiting = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            if any(is_public(ip) for ip in _found([task.result() for task in done])):
                await self._wait_a_moment({asking[task]: task for task in waiting})
            else:
                await asyncio.wait(asking)
            return [task.result() for task in asking if task.done()]
        finally:
            for task in asking:
                task.cancel()

    async def _wait_a_moment(self, asking: Mapping[Question, asyncio.Task[_Family]]) -> None:
        """Wait for answers that can be done without; for one that was late a moment ago not at all."""
        now = asyncio.get_running_loop().time()
        waited_for = [task for question, task in asking.items() if self._late.get(question, 0.0) <= now]
        if waited_for:
            _, late = await asyncio.wait(waited_for, timeout=GRACE)
            for question in (question for question, task in asking.items() if task in late):
                self._late[question] = now + LATE

    async def _family(self, host: str, type_: str) -> _Family:
        try:
            return (await self._ask(host, type_)).values
        except NoSuchDomain:
            return ()
        except DnsTrouble as trouble:
            return trouble


def _found(families: Iterable[_Family]) -> list[str]:
    return [ip for family in families if not isinstance(family, DnsTrouble) for ip in family]


def _exchange(record: str) -> Exchange:
    preference, _, host = record.partition(" ")
    return Exchange(int(preference), host.rstrip(".").lower())
