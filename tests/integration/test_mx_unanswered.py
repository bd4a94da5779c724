"""Route ``mx``: what a host does to the others of its site, and to later mails, while it does not answer a dot."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from mailsvc.delivery import targets, unanswered
from mailsvc.delivery.destinations import FIRST, Destinations, Profile
from mailsvc.delivery.handed import Handed
from mailsvc.delivery.mx import MxRoute
from mailsvc.delivery.session import Kind
from mailsvc.dns import MailHosts, Resolver
from mailsvc.feedback import rules
from tests.support.dns_zone import DnsServer, Zone
from tests.support.mx import Known, hand_over
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import HANG, Script, say

PRIMARY, SECONDARY = "127.0.0.45", "127.0.0.46"
#: Sessions that the site may have.
SESSIONS = 8
Task = asyncio.Task[list[Handed]]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a dot count as unanswered, and a host as in no trouble any more, after a moment."""
    monkeypatch.setattr(unanswered, "LATE", 0.3)
    monkeypatch.setattr(targets, "SHAKY", 0.5)


@asynccontextmanager
async def _site(*scripts: Script) -> AsyncIterator[tuple[MxRoute, list[SmtpPeer]]]:
    """Yield a route to one site with a host for each script, the most preferred first, that has taken enough mails."""
    ips = (PRIMARY, SECONDARY)[: len(scripts)]
    zone: Zone = {f"mx{number}.site.example": {"A": [ip]} for number, ip in enumerate(ips)}
    zone["site.example"] = {"MX": [f"{number} mx{number}.site.example." for number in range(len(ips))]}
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(SmtpPeer(ip=PRIMARY))]
        for ip in ips[1:]:
            peers.append(await stack.enter_async_context(SmtpPeer(ip=ip, port=peers[0].port)))
        dns = await stack.enter_async_context(DnsServer(zone=zone))
        route = MxRoute(
            hosts=MailHosts(Resolver([("127.0.0.1", dns.port)]).ask),
            destinations=Destinations([Profile("default", (), connections=SESSIONS, mails=100, idle=5.0)]),
            known=Known(),
            classifier=rules.load(),
            helo="mail.example.jp",
            port=peers[0].port,
            allow_private=True,
        )
        for _ in range(SESSIONS - FIRST):
            await _send(route)
        for peer, script in zip(peers, scripts, strict=True):
            peer.mails.clear()
            peer.script = script
        yield route, peers
        await route.close()


async def _send(route: MxRoute, **options: Any) -> list[Handed]:
    return await hand_over(route, "taro@site.example", **{"life": 60.0} | options)


def _rush(route: MxRoute, mails: int) -> list[Task]:
    return [asyncio.create_task(_send(route)) for _ in range(mails)]


async def _give_up(tasks: Sequence[Task]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_mails_that_wait_for_a_place_go_to_the_next_host() -> None:
    """All places of a site are held by dots that its primary does not answer: the others arrive at its secondary."""
    async with _site({"dot": HANG}, {}) as (route, (primary, secondary)):
        tasks = _rush(route, SESSIONS * 3)
        await secondary.until(lambda peer: len(peer.stored) == SESSIONS * 2)
        assert (len(primary.mails), sum(task.done() for task in tasks)) == (SESSIONS, SESSIONS * 2)
        await _give_up(tasks)


async def test_host_is_asked_last_as_long_as_its_dot_is_unanswered() -> None:
    """Later mails do not go where an earlier one has been waiting for its answer, however long that takes."""
    async with _site({"dot": HANG}, {}) as (route, (primary, secondary)):
        tasks = _rush(route, 1)
        await primary.until(lambda peer: peer.mails)
        await asyncio.sleep(1.2)
        ((handed,), (other,)) = await asyncio.gather(_send(route), _send(route))
        assert (handed.ip, other.ip, len(secondary.stored)) == (SECONDARY, SECONDARY, 2)
        await _give_up(tasks)


async def test_slow_host_is_asked_first_again_once_it_has_answered() -> None:
    """An answer that comes late is one: the host has its order back."""
    async with _site({"dot": say("250 2.0.0 Ok", after=0.6)}, {}) as (route, _):
        ((slow,), (next_one,)) = [await _send(route) for _ in range(2)]
    assert (slow.ended.kind, slow.ip, next_one.ip) == (Kind.ACCEPTED, PRIMARY, PRIMARY)


async def test_site_that_answers_no_dot_gets_a_quarter_more_sessions_at_most() -> None:
    """With a single host a site that hangs is sent no more and no more mails."""
    async with _site({"dot": HANG}) as (route, (only,)):
        tasks = _rush(route, SESSIONS * 3)
        await only.until(lambda peer: len(peer.mails) == SESSIONS + SESSIONS // 4)
        await asyncio.sleep(1.0)
        assert len(only.mails) == SESSIONS + SESSIONS // 4
        await _give_up(tasks)
