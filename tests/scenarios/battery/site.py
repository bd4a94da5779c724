"""Where a story plays: a domain in the zone and its mail exchangers on loopback, living, refusing or a black hole.

A `Ground` is one sender's world: it gives each site a domain and a loopback network of its own, so that all stories
can run at one time. Hosts of all sites listen on one port.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from tests.support.dns_zone import No, Zone
from tests.support.smtp_peer import Mail, SmtpPeer
from tests.support.smtp_script import Script


@dataclass(slots=True, kw_only=True)
class Site:
    """One receiving domain."""

    domain: str
    network: str  #: the first three numbers of its hosts' addresses
    port: int
    zone: Zone
    peers: list[SmtpPeer] = field(default_factory=list)  #: its living hosts, in the order they were planned
    holes: list[str] = field(default_factory=list)  #: addresses that take no connection and refuse none
    changes: list[tuple[float, Callable[[], None]]] = field(default_factory=list)  #: seconds after the start, what then
    _records: dict[str, list[str] | No] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Put the domain into the zone."""
        self.zone[self.domain] = self._records

    def host(self, script: Script | None = None, *, preference: int = 10, **options: Any) -> SmtpPeer:
        """Add a living mail exchanger; the options are `SmtpPeer`'s."""
        ip = self._exchange(preference)
        self.peers.append(SmtpPeer(ip=ip, port=self.port, script=script or {}, **options))
        return self.peers[-1]

    def refusing(self, *, preference: int = 10) -> None:
        """Add one that nobody listens at."""
        self._exchange(preference)

    def silent(self, *, preference: int = 10) -> None:
        """Add one that answers no SYN."""
        self.holes.append(self._exchange(preference))

    def silent_ipv6(self, *, beside: bool, preference: int = 10) -> None:
        """Give the last host (``beside``), or one that has nothing else, an IPv6 address that answers no SYN."""
        if not beside:
            self._exchange(preference)
        name, records = list(self.zone.items())[-1]
        self.zone[name] = {**(records if beside and not isinstance(records, No) else {}), "AAAA": ["::1"]}
        self.holes.append("::1")

    def records(self, type_: str, answer: list[str] | No) -> None:
        """Set what DNS says of the domain."""
        self._records[type_] = answer

    def domain_is(self, kind: No) -> None:
        """Let DNS say no to every question about the domain."""
        self.zone[self.domain] = kind

    def hosts_are(self, kind: No, *, first: bool = False) -> None:
        """Let DNS say no to every question about its mail exchangers, or about the first one."""
        for name in [name for name in self.zone if name.endswith(f".{self.domain}")][: 1 if first else None]:
            self.zone[name] = kind

    def later(self, seconds: float, change: Callable[[], None]) -> None:
        """Plan a change."""
        self.changes.append((seconds, change))

    def mend_dns(self) -> None:
        """Let DNS answer for the domain as it should."""
        self.zone[self.domain] = self._records

    def stored(self, to: str) -> list[Mail]:
        """Return the mails that its hosts took for a recipient, in the order they came.

        A lone dot is none: it is how a sender that pipelines takes back the DATA after a refused RCPT (RFC 2920 3.1).
        """
        line = f"<{to}>".encode()
        mails = [mail for peer in self.peers for mail in peer.stored if line in mail.rcpt_line and mail.data]
        return sorted(mails, key=lambda mail: mail.at)

    def _exchange(self, preference: int) -> str:
        exchanges = self._records.setdefault("MX", [])
        assert isinstance(exchanges, list)
        number = len(exchanges) + 1
        name, ip = f"mx{number}.{self.domain}", f"{self.network}.{number}"
        exchanges.append(f"{preference} {name}.")
        self.zone[name] = {"A": [ip]}
        return ip


@dataclass(slots=True, kw_only=True)
class Ground:
    """All sites that one sender is given; use it as ``async with Ground(…) as ground``."""

    zone: Zone  #: of the DNS server that the sender asks
    port: int
    holes: "Holes"
    name: str = "battery"  #: part of every domain
    network: int = 1  #: second number of the addresses
    _sites: int = 0
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        """Nothing plays yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop every host."""
        await self._stack.aclose()

    async def site(self, story: str, plan: Callable[[Site], None]) -> Site:
        """Build a story's site and start its hosts; its planned changes count from now."""
        self._sites += 1
        site = Site(
            domain=f"{story}-{self.name}.example",
            network=f"127.{self.network}.{self._sites}",
            port=self.port,
            zone={},
        )
        plan(site)
        self.zone.update(site.zone)
        site.zone = self.zone
        for peer in site.peers:
            await self._stack.enter_async_context(peer)
        for ip in site.holes:
            self.holes.open(ip, self.port)
        for seconds, change in site.changes:
            asyncio.get_running_loop().call_later(seconds, change)
        return site


@dataclass(slots=True)
class Holes:
    """Black holes: listening sockets whose queue is full, so that the kernel drops every further SYN."""

    _sockets: dict[tuple[str, int], list[socket.socket]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        """Nothing is open yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all."""
        for sockets in self._sockets.values():
            for sock in sockets:
                sock.close()

    def open(self, ip: str, port: int) -> None:
        """Make a hole, once for each address."""
        if (ip, port) in self._sockets:
            return
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        listening = socket.create_server((ip, port), family=family, backlog=0)
        filling = [socket.socket(family) for _ in range(3)]
        for sock in filling:
            sock.settimeout(0)
            sock.connect_ex((ip, port))
        self._sockets[ip, port] = [listening, *filling]
