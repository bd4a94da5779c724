"""Route ``mx``: which host the next mail, or the next session of a round, goes to after one that did not take it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mailsvc.delivery.destinations import FIRST, Destinations, Profile
from mailsvc.delivery.handed import Handed
from mailsvc.delivery.mx import MxRoute
from mailsvc.delivery.session import Kind
from mailsvc.dns import MailHosts, Resolver
from mailsvc.feedback import rules
from tests.scenarios.battery.site import Holes
from tests.support.dns_zone import DnsServer, No, Zone
from tests.support.mx import Known, hand_over
from tests.support.service import free_port
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import RESET, Act, say

PRIMARY, SECONDARY = "127.0.0.41", "127.0.0.42"
TO = "taro@example.jp"
ZONE: Zone = {
    "example.jp": {"MX": ["10 mx1.example.jp.", "20 mx2.example.jp."]},
    "mx1.example.jp": {"A": [PRIMARY]},
    "mx2.example.jp": {"A": [SECONDARY]},
}


@asynccontextmanager
async def _route(port: int, zone: Zone = ZONE) -> AsyncIterator[tuple[MxRoute, DnsServer]]:
    async with DnsServer(zone=zone) as dns:
        route = MxRoute(
            classifier=rules.load(),
            hosts=MailHosts(Resolver([("127.0.0.1", dns.port)]).ask),
            destinations=Destinations([Profile("default", (), connections=20, mails=100, idle=5.0)]),
            known=Known(),
            helo="mail.example.jp",
            port=port,
            allow_private=True,
        )
        yield route, dns
        await route.close()


async def _after(act: Act, step: str, mails: int = 2, **options: Any) -> list[list[Handed]]:
    """Offer mails one after another to a primary that does something at a step, and a good secondary."""
    async with (
        SmtpPeer(ip=PRIMARY, script={step: act}) as primary,
        SmtpPeer(ip=SECONDARY, port=primary.port),
        _route(primary.port) as (route, _),
    ):
        return [await hand_over(route, TO, **{"life": 60.0} | options) for _ in range(mails)]


@pytest.mark.parametrize(
    ("step", "act"),
    [
        ("banner", say("421 4.3.2 Closing")),
        ("rcpt", say("421 4.7.0 Too many")),
        ("data", say("452 4.3.1 Insufficient storage")),
        ("dot", say("451 4.3.0 Try later")),
        ("dot", RESET),
    ],
)
async def test_host_in_trouble_of_its_own_is_asked_last_next_time(step: str, act: Act) -> None:
    """After a host that closes, is in temporary trouble or may have lost the mail the next round begins elsewhere."""
    (first,), (second,) = await _after(act, step)
    assert (first.ip, second.ip) == (PRIMARY, SECONDARY)
    assert second.ended.kind is Kind.ACCEPTED


async def test_host_that_defers_the_recipient_is_asked_first_again() -> None:
    """A 450 at RCPT may be a greylist, which begins anew at another host."""
    (first,), (second,) = await _after(say("450 4.2.0 Greylisted"), "rcpt")
    assert (first.ip, second.ip) == (PRIMARY, PRIMARY)


@pytest.mark.parametrize("text", ["451 4.3.0 Queue file write error", "450 4.1.8 Sender domain not found"])
async def test_host_that_defers_before_a_recipient_is_named_is_followed_at_once(text: str) -> None:
    """A 4xx at MAIL is no greylist: the next host takes the mail in the same round."""
    ((first, second),) = await _after(say(text), "mail", mails=1)
    assert (first.ended.kind, second.ended.kind) == (Kind.DEFERRED, Kind.ACCEPTED)
    assert (first.ip, second.ip) == (PRIMARY, SECONDARY)


@pytest.mark.parametrize("step", ["mail", "rcpt"])
@pytest.mark.parametrize("text", ["421 4.3.2 Closing", "450 4.7.1 Too many messages, slow down"])
async def test_site_that_wants_less_is_not_asked_next_door(step: str, text: str) -> None:
    """The round ends, whatever the code, and however often the host has deferred the recipient."""
    ((only,),) = await _after(say(text), step, mails=1, stay_with=PRIMARY)
    assert only.ip == PRIMARY


async def test_host_that_defers_the_recipient_again_is_followed_by_the_other_one() -> None:
    """A primary that is busy for ever keeps no mail from the secondary: it is asked from the second deferral on."""
    ((first, second),) = await _after(say("451 4.3.0 Busy, try later"), "rcpt", mails=1, stay_with=PRIMARY)
    assert (first.ended.kind, second.ended.kind) == (Kind.DEFERRED, Kind.ACCEPTED)
    assert (first.ip, second.ip) == (PRIMARY, SECONDARY)


@pytest.mark.parametrize(("text", "knows"), [("450 4.2.0 Greylisted", PRIMARY), ("451 4.3.0 Busy", SECONDARY)])
async def test_other_host_is_not_asked_after_a_greylist_or_a_first_deferral(text: str, knows: str) -> None:
    """A greylist is waited out where it began; a host that had not deferred before may have one."""
    async with (
        SmtpPeer(ip=PRIMARY, script={"rcpt": say(text)}) as primary,
        SmtpPeer(ip=SECONDARY, port=primary.port, script={"rcpt": say(text)}),
        _route(primary.port) as (route, _),
    ):
        made = await hand_over(route, TO, life=60.0, stay_with=knows)
    assert [handed.ip for handed in made] == ([PRIMARY] if knows == PRIMARY else [SECONDARY, PRIMARY])


async def test_last_round_asks_the_other_host_after_a_deferral() -> None:
    """With no time for another round there is nothing to wait for."""
    ((first, second),) = await _after(say("450 4.2.1 Mailbox busy"), "rcpt", life=15.0, mails=1)
    assert (first.ended.kind, second.ended.kind) == (Kind.DEFERRED, Kind.ACCEPTED)
    assert second.ip == SECONDARY


async def test_last_round_stops_at_a_refusal() -> None:
    """A verdict is a verdict at any time."""
    ((only,),) = await _after(say("550 5.1.1 User unknown"), "rcpt", life=15.0, mails=1)
    assert only.ended.kind is Kind.REFUSED


async def test_rush_onto_a_silent_host_waits_for_its_first_sessions_only() -> None:
    """What waited for a place while the first sessions led nowhere goes to the next host, and all arrive."""
    port = free_port()
    with Holes() as holes:
        holes.open(PRIMARY, port)
        async with SmtpPeer(ip=SECONDARY, port=port) as secondary, _route(port) as (route, _):
            rounds = await asyncio.gather(*(hand_over(route, f"taro{n}@example.jp", life=60.0) for n in range(20)))
    assert len(secondary.stored) == 20
    assert sum(handed.ip == PRIMARY for made in rounds for handed in made) <= FIRST


async def test_hosts_are_looked_up_at_one_time() -> None:
    """Name servers that are silent about some hosts cost the time of one look-up, not of each."""
    async with SmtpPeer(ip=SECONDARY) as peer:
        silent = [f"silent{number}.example.jp" for number in range(4)]
        exchanges = [*(f"10 {host}." for host in silent), "20 mx2.example.jp."]
        zone = ZONE | {"example.jp": {"MX": exchanges}} | dict.fromkeys(silent, No.SILENCE)
        async with _route(peer.port, zone) as (route, dns):
            (handed,) = await hand_over(route, TO, life=60.0)
    assert handed.ended.kind is Kind.ACCEPTED
    first_asked = list(dict.fromkeys(dns.questions))
    assert dns.questions[: len(first_asked)] == first_asked  # no question was repeated before all had been asked
