"""A site, or a relay, that wants less of us: nobody comes for a while; and who is deferred does not widen it."""

import asyncio

import pytest

from mailsvc.delivery.destinations import FIRST
from mailsvc.delivery.relay import RelayRoute
from mailsvc.delivery.routes import Route
from mailsvc.delivery.session import Kind
from mailsvc.delivery.shares import Standing
from mailsvc.delivery.tls import TlsPolicy
from mailsvc.feedback import rules
from tests.support.mx import hand_over, mx_route
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import Script, say

SITE = "site.example"
TO = f"taro@{SITE}"
#: What a server may say that wants less.
LESS = [
    ("banner", "421 4.3.2 Closing"),
    ("banner", "554 5.7.1 Too many connections from your address"),
    ("mail", "421 4.7.0 Too many messages"),
    ("mail", "452 4.5.3 Too many messages"),
    ("rcpt", "450 4.7.1 Rate limit exceeded"),
    ("dot", "451 4.7.1 Too many messages, slow down"),
]


async def _rush(route: Route, peer: SmtpPeer, first: int) -> int:
    """Offer many mails at one time; return how many connections there are a while after the first sessions ended."""
    tasks = [asyncio.create_task(hand_over(route, TO)) for _ in range(first + 12)]
    await peer.until(lambda _: sum(task.done() for task in tasks) >= first)
    await asyncio.sleep(0.5)
    connections = peer.connections
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return connections


@pytest.mark.parametrize(("step", "text"), LESS)
async def test_mails_that_wait_for_a_place_come_no_more_once_a_site_wants_less(step: str, text: str) -> None:
    """Only the sessions that were open already are heard by the site until its time is over."""
    async with (
        SmtpPeer(script={step: say(text)}) as peer,
        mx_route({SITE: peer.ip}, peer.port) as route,
    ):
        assert await _rush(route, peer, FIRST) == FIRST
        destination = route._destinations.of(SITE)
        assert destination.wait() > 0
        assert destination.places.limit == FIRST // 2


@pytest.mark.parametrize(("step", "text"), LESS)
async def test_relay_that_wants_less_is_backed_off_too(step: str, text: str) -> None:
    """Mails that wait for a session with the relay come no more until its time is over."""
    async with SmtpPeer(script={step: say(text)}) as peer:
        route = _relay(peer, sessions=3)
        assert await _rush(route, peer, 3) == 3
        assert route._relay.wait() > 0
        await route.close()


async def test_relay_that_leads_nowhere_keeps_its_sessions() -> None:
    """Behind one session mails would wait that could go by the second route."""
    async with SmtpPeer(script={"banner": say("450 4.3.0 Not now")}) as peer:
        route = _relay(peer, sessions=3)
        made = await asyncio.gather(*(hand_over(route, TO) for _ in range(6)))
        assert {handed.ended.kind for (handed,) in made} == {Kind.DEFERRED}
        assert (route._relay.places.limit, route._relay.wait()) == (3, 0.0)
        await route.close()


@pytest.mark.parametrize(
    "script",
    [
        {"rcpt": say("450 4.2.0 Greylisted")},
        {"rcpt": say("450 4.2.1 The user is receiving mail too quickly")},
        {"mail": say("451 4.3.0 Queue file write error")},
        {"dot": say("451 4.3.0 Try later")},
        {"rcpt": say("550 5.1.1 User unknown")},
    ],
)
async def test_only_a_mail_that_is_taken_allows_one_session_more(script: Script) -> None:
    """A site that defers or refuses is alive: it is not asked for less, and gets no more."""
    async with (
        SmtpPeer(script=script) as peer,
        mx_route({SITE: peer.ip}, peer.port) as route,
    ):
        for _ in range(4):
            await hand_over(route, TO)
        destination = route._destinations.of(SITE)
    assert (destination.places.limit, destination.wait()) == (FIRST, 0.0)
    assert destination.standing is Standing.GOOD


def _relay(peer: SmtpPeer, sessions: int) -> RelayRoute:
    return RelayRoute(
        peer.ip,
        peer.port,
        helo="mail.example.jp",
        tls=TlsPolicy.NONE,
        sessions=sessions,
        classifier=rules.load(),
    )
