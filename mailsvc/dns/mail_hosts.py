"""The mail exchangers of a domain in the order in which they are tried (RFC 5321 5.1, RFC 7505).

Decides order and fallback; never whether a mail is sent. Answers come from `Resolver.ask`.
"""

import asyncio
import random
from dataclasses import dataclass

from mailsvc.dns.answer import DnsTrouble, NoSuchDomain, Records
from mailsvc.dns.resolver import Ask

#: Mail exchangers and addresses of one that are looked at: more is no plan but an attack.
HOSTS_MAX = 16
ADDRESSES_MAX = 8


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

        Raises `DnsTrouble` where neither family gave an answer that can be relied on.
        """
        answers = await asyncio.gather(self._ask(host, "A"), self._ask(host, "AAAA"), return_exceptions=True)
        found = [value for answer in answers if isinstance(answer, Records) for value in answer.values]
        trouble = next((answer for answer in answers if isinstance(answer, DnsTrouble)), None)
        if not found and trouble:
            raise trouble
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, DnsTrouble | NoSuchDomain):
                raise answer
        return found[:ADDRESSES_MAX]


def _exchange(record: str) -> Exchange:
    preference, _, host = record.partition(" ")
    return Exchange(int(preference), host.rstrip(".").lower())
