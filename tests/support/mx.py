"""Route ``mx`` to peers on loopback, without the service around it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from mailsvc.delivery.destinations import Destinations, Profile
from mailsvc.delivery.handed import Handed, Round
from mailsvc.delivery.mx import MxRoute
from mailsvc.delivery.routes import Route
from mailsvc.dns import MailHosts, Resolver
from mailsvc.feedback import rules
from tests.support.dns_zone import DnsServer, Zone
from tests.support.smtp import Gatekeeper, envelope


@dataclass
class Known:
    """Domains that took mail, in memory."""

    domains: set[str] = field(default_factory=set)

    async def took_mail(self, domain: str) -> bool:
        """Whether it is among them."""
        return domain in self.domains

    async def note(self, domain: str) -> None:
        """Add it."""
        self.domains.add(domain)


@asynccontextmanager
async def mx_route(hosts: dict[str, str], port: int, *, connections: int = 5, **options: Any) -> AsyncIterator[MxRoute]:
    """Yield a route to hosts (name to address) that are the mail exchangers of the domains of their names."""
    zone: Zone = {host: {"A": [ip]} for host, ip in hosts.items()}
    async with DnsServer(zone=zone) as dns:
        route = MxRoute(
            hosts=MailHosts(Resolver([("127.0.0.1", dns.port)]).ask),
            destinations=Destinations([Profile("default", (), connections=connections, mails=100, idle=5.0)]),
            known=Known(),
            classifier=rules.load(),
            helo="mail.example.jp",
            port=port,
            allow_private=True,
            **options,
        )
        try:
            yield route
        finally:
            await route.close()


async def hand_over(
    route: Route, to: str, *, life: float = 30.0, stay_with: str | None = None, **changes: Any
) -> list[Handed]:
    """Offer one mail to a route."""
    now = asyncio.get_running_loop().time()
    turn = Round(gate=Gatekeeper(), hand_over_by=now + life, answer_by=now + life, stay_with=stay_with)
    return await route.hand_over(envelope(forward_path=to, **changes), turn)
