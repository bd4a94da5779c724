"""A round that gives way to the second route: for a place, for further hosts, before the dot; and how many it asks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from mailsvc.delivery.destinations import Destinations, Profile
from mailsvc.delivery.handed import Handed, Round
from mailsvc.delivery.mx import MxRoute
from mailsvc.delivery.relay import RelayRoute
from mailsvc.delivery.routes import Route
from mailsvc.delivery.session import Kind
from mailsvc.delivery.tls import TlsPolicy
from mailsvc.dns import MailHosts, Resolver
from mailsvc.domain.reply import Stage
from mailsvc.feedback import rules
from tests.support.dns_zone import DnsServer, Zone
from tests.support.mx import Known
from tests.support.smtp import Gatekeeper, envelope
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import CLOSE, HANG, Act

#: Seconds that are short to wait for, and seconds within which what follows them has come on a busy machine.
SOON, BY_THEN = 0.5, 4.0


@asynccontextmanager
async def _mx(port: int, addresses: list[str], *, connections: int = 20) -> AsyncIterator[MxRoute]:
    """Yield a route for ``example.jp``, whose mail exchangers have these addresses."""
    zone: Zone = {f"mx{number}.example.jp": {"A": [ip]} for number, ip in enumerate(addresses)}
    zone["example.jp"] = {"MX": [f"{number} mx{number}.example.jp." for number in range(len(addresses))]}
    async with DnsServer(zone=zone) as dns:
        route = MxRoute(
            classifier=rules.load(),
            hosts=MailHosts(Resolver([("127.0.0.1", dns.port)]).ask),
            destinations=Destinations([Profile("default", (), connections=connections, mails=100, idle=5.0)]),
            known=Known(),
            helo="mail.example.jp",
            port=port,
            allow_private=True,
        )
        yield route
        await route.close()


async def _hand_over(route: Route, *, life: float = 30.0, **limits: Any) -> list[Handed]:
    """Offer a mail; the instants among the limits are seconds from now."""
    now = asyncio.get_running_loop().time()
    instants = {name: now + limits.pop(name) for name in ("give_way", "offer_by") if name in limits}
    turn = Round(gate=Gatekeeper(), hand_over_by=now + life, answer_by=now + life, **limits, **instants)
    return await asyncio.wait_for(route.hand_over(envelope(forward_path="taro@example.jp"), turn), BY_THEN)


@asynccontextmanager
async def _peers(count: int, script: dict[str, Act]) -> AsyncIterator[list[SmtpPeer]]:
    """Start peers at addresses of one port."""
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(SmtpPeer(ip="127.0.0.51", script=script))]
        for number in range(1, count):
            peer = SmtpPeer(ip=f"127.0.0.{51 + number}", port=peers[0].port, script=script)
            peers.append(await stack.enter_async_context(peer))
        yield peers


async def test_no_further_host_is_asked_once_the_second_route_has_its_turn() -> None:
    """A session goes on until the last moment that leaves the second route time; then the round ends."""
    async with _peers(3, {"rcpt": HANG}) as peers, _mx(peers[0].port, [peer.ip for peer in peers]) as route:
        (only,) = await _hand_over(route, give_way=SOON, offer_by=2 * SOON)
    assert (only.ended.kind, only.ended.stage) == (Kind.FAILED, Stage.RCPT)
    assert [peer.connections for peer in peers] == [1, 0, 0]


@asynccontextmanager
async def _full_mx(peer: SmtpPeer) -> AsyncIterator[Route]:
    async with _mx(peer.port, [peer.ip], connections=1) as route:
        yield route


@asynccontextmanager
async def _full_relay(peer: SmtpPeer) -> AsyncIterator[Route]:
    route = RelayRoute(
        peer.ip, peer.port, helo="mail.example.jp", tls=TlsPolicy.NONE, classifier=rules.load(), sessions=1
    )
    yield route
    await route.close()


@pytest.mark.parametrize("to", [_full_mx, _full_relay])
async def test_mail_that_waits_for_a_place_gives_way(to: Callable[[SmtpPeer], Any]) -> None:
    """Behind a session that hangs a mail waits no longer than until the second route has its turn."""
    async with SmtpPeer(script={"rcpt": HANG}) as peer, to(peer) as route:
        holding = asyncio.create_task(_hand_over(route, offer_by=3 * SOON))
        await asyncio.sleep(SOON / 2)
        (waited,) = await _hand_over(route, give_way=SOON)
        assert not holding.done()
        await holding
    assert (waited.ended.kind, waited.ended.stage) == (Kind.FAILED, Stage.CONNECT)
    assert "no free session" in waited.ended.text
    assert peer.connections == 1


async def test_address_under_many_names_is_asked_once_in_a_round() -> None:
    """Sixteen mail exchangers that are one machine are one host."""
    async with (
        SmtpPeer(script={"banner": CLOSE}) as peer,
        _mx(peer.port, [peer.ip] * 16) as route,
    ):
        made = await _hand_over(route)
    assert [handed.host for handed in made] == ["mx0.example.jp"]
    assert peer.connections == 1


async def test_round_asks_no_more_hosts_than_it_may() -> None:
    """What a message costs is bounded, however many hosts its site names."""
    async with _peers(4, {"banner": CLOSE}) as peers, _mx(peers[0].port, [peer.ip for peer in peers]) as route:
        made = await _hand_over(route, hosts=2)
    assert len(made) == 2
    assert [peer.connections for peer in peers] == [1, 1, 0, 0]
