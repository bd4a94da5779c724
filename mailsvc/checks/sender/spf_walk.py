"""One evaluation of SPF for one client address (RFC 7208 4 to 6), with what it costs.

Decides like a receiver that honours the limits. Two things it does not do: macros differ from mail to mail and ``ptr``
is asked by few, so both count their look-up, match nothing, and are remarked. Raises `SpfError` where receivers give
"permerror", and `DnsTrouble` where they give "temperror".
"""

import ipaddress

from mailsvc.checks.sender.records import texts
from mailsvc.checks.sender.spf_record import Directive, Network, SpfError, SpfRecord, is_spf, parse
from mailsvc.dns import NoSuchDomain
from mailsvc.dns.resolver import Ask

#: Terms that ask DNS, names without an answer, and hosts of one ``mx``, at most (RFC 7208 4.6.4).
LOOKUPS_MAX = 10
VOIDS_MAX = 2
MX_MAX = 10
#: A network with a shorter prefix takes in strangers.
_WIDE = {4: 8, 6: 16}

_RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Walk:
    """An evaluation for a client; None is a stranger: an address that nobody lists on purpose."""

    def __init__(self, ask: Ask, client: Address | None) -> None:
        self._ask = ask
        self._client = client
        self._type = "AAAA" if client is not None and client.version == 6 else "A"  # noqa: PLR2004  IPv6
        self._voids = 0
        self.lookups = 0  #: terms that asked DNS
        self.unsure: list[str] = []  #: terms that were not evaluated, with the reason

    async def check(self, domain: str) -> str:
        """Return pass, fail, softfail, neutral, or none where the domain has no record (RFC 7208 2.6)."""
        record = await record_of(self._ask, domain)
        if record is None:
            return "none"
        for directive in record.directives:
            if await self._matches(directive, domain):
                return _RESULTS[directive.qualifier]
        if record.redirect is None:
            return "neutral"
        self._count(f"redirect={record.redirect}", domain)
        if self._macro(record.redirect):
            return "neutral"
        result = await self.check(record.redirect)
        if result == "none":
            raise SpfError(f"redirect={record.redirect} leads to a domain without SPF record")
        return result

    async def _matches(self, directive: Directive, domain: str) -> bool:
        if directive.mechanism == "all":
            return True
        if directive.network is not None:
            return self._is_in(directive.network)
        self._count(directive.text, domain)
        if directive.mechanism == "ptr":
            self.unsure.append(f"{directive.text} (receivers need not ask it, RFC 7208 5.5)")
            return False
        target = directive.domain or domain
        return not self._macro(target) and await self._target_matches(directive, target)

    def _is_in(self, network: Network) -> bool:
        if self._client is None:
            return network.prefixlen < _WIDE[network.version]
        return self._client.version == network.version and self._client in network

    async def _target_matches(self, directive: Directive, target: str) -> bool:
        if directive.mechanism == "include":
            return await self._includes(directive, target)
        if directive.mechanism == "exists":
            return bool(await self._records(target, "A"))
        hosts = [target] if directive.mechanism == "a" else await self._exchanges(target)
        return await self._hosts_match(directive, hosts)

    async def _includes(self, directive: Directive, target: str) -> bool:
        result = await self.check(target)
        if result == "none":
            raise SpfError(f"{directive.text} leads to a domain without SPF record")
        return result == "pass"

    async def _exchanges(self, target: str) -> list[str]:
        hosts = [record.partition(" ")[2].rstrip(".") for record in await self._records(target, "MX")]
        if len(hosts) > MX_MAX:
            raise SpfError(f"{target} has more than {MX_MAX} mail exchangers")
        return hosts

    async def _hosts_match(self, directive: Directive, hosts: list[str]) -> bool:
        for host in filter(None, hosts):
            for ip in await self._records(host, self._type):
                length = directive.lengths[self._type == "AAAA"]
                if self._client is not None and self._client in ipaddress.ip_network(f"{ip}/{length}", strict=False):
                    return True
        return False

    async def _records(self, name: str, type_: str) -> tuple[str, ...]:
        """Return the records of a name, counting one that has none (RFC 7208 4.6.4)."""
        try:
            found = (await self._ask(name, type_)).values
        except NoSuchDomain:
            found = ()
        self._voids += not found
        if self._voids > VOIDS_MAX:
            raise SpfError(f"more than {VOIDS_MAX} names have no such record, the last one {name} ({type_})")
        return found

    def _count(self, term: str, domain: str) -> None:
        self.lookups += 1
        if self.lookups > LOOKUPS_MAX:
            raise SpfError(f"more than {LOOKUPS_MAX} terms ask DNS, the first beyond is {term} of {domain}")

    def _macro(self, target: str) -> bool:
        if "%" not in target:
            return False
        self.unsure.append(f"{target} (a macro, not evaluated here)")
        return True


async def record_of(ask: Ask, domain: str) -> SpfRecord | None:
    """Return the record of a domain; raise `SpfError` where it cannot be used, `DnsTrouble` without an answer."""
    found = [text for text in await texts(ask, domain) if is_spf(text)]
    if len(found) > 1:
        raise SpfError(f"{domain} has {len(found)} SPF records where there must be one")
    try:
        return parse(found[0]) if found else None
    except SpfError as error:
        raise SpfError(f"the SPF record of {domain} is broken: {error}") from None
