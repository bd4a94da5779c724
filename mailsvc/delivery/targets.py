"""Where a mail of a domain may be offered: the addresses of its mail exchangers, in the order to ask them.

Decides which of them may be connected to at all, from which source address, and that a host in trouble is asked last
for a minute. Names are resolved once per call, and the connection goes to the address that was checked. Raises what
`MailHosts` raises; trouble with one of several hosts is no trouble with the others.
"""

import asyncio
import ipaddress
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from mailsvc.delivery.destinations import Destination, Destinations
from mailsvc.delivery.recent import Recent
from mailsvc.dns import DnsTrouble, MailHosts, is_public

#: A host that got nowhere is asked last for so long (seconds).
SHAKY = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """One address of a mail exchanger."""

    host: str
    ip: str
    source: str | None  #: local address to connect from
    destination: Destination


class Targets:
    """Finds targets, and remembers which were in trouble (by address)."""

    def __init__(
        self, hosts: MailHosts, destinations: Destinations, *, allow_private: bool, sources: Sequence[str]
    ) -> None:
        self.shaky = Recent(SHAKY)
        self._hosts = hosts
        self._destinations = destinations
        self._allow_private = allow_private
        self._sources = sources

    async def of(self, domain: str, stay_with: str | None) -> list[Target]:
        """Return the addresses to try: the one that knows us first, those that got nowhere a moment ago last."""
        hosts = [exchange.host for exchange in await self._hosts.exchanges(domain)]
        answers = await asyncio.gather(*(self._addresses(host) for host in hosts))
        found = [target for answer in answers if isinstance(answer, list) for target in answer]
        trouble = next((answer for answer in answers if isinstance(answer, DnsTrouble)), None)
        if trouble and not found:
            raise trouble
        # An address is one host, however many names lead there.
        first = {target.ip: target for target in reversed(found)}
        distinct = [target for target in found if first[target.ip] is target]
        return sorted(distinct, key=lambda target: (target.ip != stay_with, target.ip in self.shaky))

    async def _addresses(self, host: str) -> list[Target] | DnsTrouble:
        """Return where to reach a host; DNS trouble with one of them is no trouble with the others."""
        try:
            addresses = await self._hosts.addresses(host)
        except DnsTrouble as error:
            return error
        return [target for ip in addresses if (target := self._target(host, ip))]

    def _target(self, host: str, ip: str) -> Target | None:
        """Return where to connect to, None for an address that is not to be connected to."""
        if not (self._allow_private or is_public(ip)):
            return None
        destination = self._destinations.of(host)
        if not self._sources:
            return Target(host, ip, None, destination)
        version = ipaddress.ip_address(ip).version
        usable = [source for source in self._sources if ipaddress.ip_address(source).version == version]
        if not usable:
            return None
        # The same destination always sees the same source: greylists know us by it.
        return Target(host, ip, usable[zlib.crc32(destination.name.encode()) % len(usable)], destination)
