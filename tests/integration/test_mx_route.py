"""Route ``mx``: which host a mail is offered to, and when the next one is asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from mailsvc.delivery.destinations import Destinations, Profile
from mailsvc.delivery.handed import Handed, Round
from mailsvc.delivery.mx import MxRoute
from mailsvc.delivery.session import Kind
from mailsvc.dns import MailHosts, Resolver
from mailsvc.domain.outcome import Category, Permanence
from mailsvc.domain.reply import Stage
from mailsvc.feedback import rules
from tests.support.dns_zone import DnsServer, No, Zone
from tests.support.service import free_port
from tests.support.smtp import Gatekeeper, envelope
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import CLOSE, RESET, Script, in_turn, say

ZONE: Zone = {
    "example.jp": {"MX": ["10 mx1.example.jp.", "20 mx2.example.jp."]},
    "mx1.example.jp": {"A": ["127.0.0.11"]},
    "mx2.example.jp": {"A": ["127.0.0.12"]},
    "docomo.ne.jp": {"MX": ["10 mx1.example.jp."]},
    "lone.example.jp": {"A": ["127.0.0.11"]},
    "null.example.jp": {"MX": ["0 ."]},
    "hidden.example.jp": {"MX": ["10 private.example.jp."]},
    "private.example.jp": {"A": ["10.0.0.1", "127.0.0.11"], "AAAA": ["::1"]},
    "broken.example.jp": {"MX": No.SERVFAIL},
}


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


class Site:
    """Two mail exchangers, their DNS, and the route to them."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.known = Known()
        self.port = free_port()
        self._stack = stack

    async def start(self, first: Script | None = None, second: Script | None = None, **options: Any) -> "Site":
        """Start the hosts with their scripts; a host without one does not listen."""
        self.dns = await self._stack.enter_async_context(DnsServer(zone=dict(ZONE)))
        self.hosts = [await self._host(ip, script) for ip, script in (("127.0.0.11", first), ("127.0.0.12", second))]
        profile = Profile("default", (), connections=5, mails=10, idle=5.0)
        self.route = MxRoute(
            hosts=MailHosts(Resolver([("127.0.0.1", self.dns.port)]).ask),
            destinations=Destinations([profile]),
            known=self.known,
            classifier=rules.load(),
            helo="mail.example.jp",
            port=self.port,
            **{"allow_private": True} | options,
        )
        self._stack.push_async_callback(self.route.close)
        return self

    async def _host(self, ip: str, script: Script | None) -> SmtpPeer | None:
        if script is None:
            return None
        return await self._stack.enter_async_context(SmtpPeer(ip=ip, port=self.port, script=script))

    async def send(self, to: str = "taro@example.jp", life: float = 30.0, stay_with: str | None = None) -> list[Handed]:
        """Offer one mail."""
        now = asyncio.get_running_loop().time()
        turn = Round(gate=Gatekeeper(), hand_over_by=now + life, answer_by=now + life, stay_with=stay_with)
        return await self.route.hand_over(envelope(forward_path=to), turn)

    def taken(self) -> list[int]:
        """How many mails each host stored."""
        return [len(host.stored) if host else 0 for host in self.hosts]


@pytest.fixture(name="site")
async def _site() -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        yield Site(stack)


async def test_preferred_host_takes_the_mail(site: Site) -> None:
    """The exchanger of lowest preference is asked, under its name and address, and the domain is remembered."""
    await site.start({}, {})
    (handed,) = await site.send()
    assert (handed.ended.kind, handed.host, handed.ip) == (Kind.ACCEPTED, "mx1.example.jp", "127.0.0.11")
    assert site.taken() == [1, 0]
    assert site.known.domains == {"example.jp"}


async def test_domain_without_mx_is_its_own_host(site: Site) -> None:
    """A and AAAA of the domain itself are used where it has no MX."""
    await site.start({})
    (handed,) = await site.send("taro@lone.example.jp")
    assert (handed.ended.kind, handed.host) == (Kind.ACCEPTED, "lone.example.jp")


@pytest.mark.parametrize(
    ("script", "stage"),
    [
        (None, Stage.CONNECT),
        ({"banner": CLOSE}, Stage.BANNER),
        ({"banner": RESET}, Stage.BANNER),
        ({"banner": say("554 5.7.1 go away")}, Stage.BANNER),
        ({"banner": say("454 4.3.0 later")}, Stage.BANNER),
        ({"ehlo": CLOSE}, Stage.EHLO),
        ({"rcpt": CLOSE}, Stage.RCPT),
    ],
)
async def test_host_that_gets_nowhere_is_followed_by_the_next_at_once(
    site: Site, script: Script | None, stage: Stage
) -> None:
    """A fault of connection or host is no verdict on the mail: the second host takes it in the same round."""
    await site.start(script, {})
    first, second = await site.send()
    assert (first.ended.stage, first.ip) == (stage, "127.0.0.11")
    assert (second.ended.kind, second.ip) == (Kind.ACCEPTED, "127.0.0.12")


async def test_host_that_got_nowhere_is_asked_last_next_time(site: Site) -> None:
    """The next mail goes to the living host first."""
    await site.start(None, {})
    await site.send()
    (handed,) = await site.send()
    assert handed.ip == "127.0.0.12"


@pytest.mark.parametrize("reply", ["450 4.2.0 greylisted", "550 5.1.1 unknown", "421 4.7.0 too many"])
async def test_word_about_the_mail_ends_the_round(site: Site, reply: str) -> None:
    """A deferral or refusal of the recipient is not carried next door, nor a 421."""
    await site.start({"rcpt": say(reply)}, {})
    (handed,) = await site.send()
    assert handed.ended.reply is not None
    assert handed.ended.reply.text == reply
    assert site.taken() == [0, 0]


async def test_host_that_deferred_the_recipient_is_asked_first_again(site: Site) -> None:
    """Greylisting is waited out at one host."""
    await site.start({}, {})
    (handed,) = await site.send(stay_with="127.0.0.12")
    assert handed.ip == "127.0.0.12"


@pytest.mark.parametrize("allow_private", [True, False])
async def test_private_address_is_connected_to_only_where_allowed(site: Site, *, allow_private: bool) -> None:
    """A mail exchanger on a private or loopback address gets no connection."""
    await site.start({}, allow_private=allow_private)
    made = await site.send("taro@lone.example.jp")
    assert (made[-1].ended.kind is Kind.ACCEPTED) is allow_private
    assert site.taken() == [int(allow_private), 0]


@pytest.mark.parametrize(
    ("domain", "known", "category", "permanence"),
    [
        ("absent.example.jp", False, Category.DOMAIN_UNKNOWN, Permanence.PERMANENT),
        ("null.example.jp", False, Category.DOMAIN_UNKNOWN, Permanence.PERMANENT),
        ("absent.example.jp", True, Category.NETWORK_ERROR, Permanence.TRANSIENT),
        ("null.example.jp", True, Category.NETWORK_ERROR, Permanence.TRANSIENT),
        ("broken.example.jp", False, Category.NETWORK_ERROR, Permanence.TRANSIENT),
    ],
)
async def test_dns_says_no_only_for_good_reason(
    site: Site, *, domain: str, known: bool, category: Category, permanence: Permanence
) -> None:
    """NXDOMAIN and null MX are final at once, unless the domain took mail lately; trouble with DNS never is."""
    await site.start({})
    site.known.domains |= {domain} if known else set()
    (handed,) = await site.send(f"taro@{domain}")
    assert handed.ended.stage is Stage.DNS
    assert handed.verdict is not None
    assert (handed.verdict.category, handed.verdict.permanence) == (category, permanence)


async def test_quoted_carrier_address_is_offered_raw_after_a_syntax_error(site: Site) -> None:
    """``foo.@docomo.ne.jp`` goes out quoted; where that form is refused, raw, on the same connection."""
    no_recipient = in_turn(say("554 5.5.1 no valid recipients"), say("354 Go"))
    await site.start({"rcpt": in_turn(say("553 5.1.3 bad form"), say("250 2.1.5 Ok")), "data": no_recipient})
    first, second = await site.send('"foo."@docomo.ne.jp')
    (peer,) = [host for host in site.hosts if host]
    assert (first.ended.kind, second.ended.kind) == (Kind.REFUSED, Kind.ACCEPTED)
    assert [line.split(b" ")[1] for line in peer.lines if line.startswith(b"RCPT")] == [
        b'TO:<"foo."@docomo.ne.jp>',
        b"TO:<foo.@docomo.ne.jp>",
    ]
    assert peer.connections == 1


async def test_quoted_carrier_address_is_offered_raw_where_the_data_after_it_was_taken(site: Site) -> None:
    """A server that says 354 without a recipient gets no octet, and the raw form over a new connection."""
    await site.start({"rcpt": in_turn(say("553 5.1.3 bad form"), say("250 2.1.5 Ok"))})
    made = await site.send('"foo."@docomo.ne.jp')
    (peer,) = [host for host in site.hosts if host]
    assert [handed.ended.kind for handed in made] == [Kind.REFUSED, Kind.ACCEPTED]
    assert [mail.rcpt_line for mail in peer.mails] == [b"RCPT TO:<foo.@docomo.ne.jp>\r\n"]
    assert peer.connections == 2


async def test_source_address_is_used_and_limits_the_family(site: Site) -> None:
    """A configured source is where the connection comes from."""
    await site.start({}, sources=["127.0.0.77"])
    await site.send()
    (peer,) = [host for host in site.hosts if host]
    assert peer.clients == ["127.0.0.77"]


async def test_destination_that_says_slow_down_is_left_alone_for_a_while(site: Site) -> None:
    """After a 421 the next mail waits, but not beyond what its deadline allows."""
    await site.start({"mail": in_turn(say("421 4.7.0 too many"), say("250 2.1.0 Ok"))})
    loop = asyncio.get_running_loop()
    await site.send("taro@lone.example.jp")
    begun = loop.time()
    (handed,) = await site.send("taro@lone.example.jp")
    assert handed.ended.kind is Kind.ACCEPTED
    assert loop.time() - begun >= 2.5
    site.route._destinations.of("lone.example.jp").slow_down()
    begun = loop.time()
    (handed,) = await site.send("taro@lone.example.jp", life=15.5)
    assert handed.ended.kind is Kind.ACCEPTED
    assert loop.time() - begun < 2.5


async def test_sessions_to_a_destination_grow_with_success_and_shrink_with_trouble(site: Site) -> None:
    """An unknown destination begins with four sessions, gets its profile's number, and half after trouble."""
    await site.start({})
    destination = site.route._destinations.of("mx1.example.jp")
    assert destination.places.limit == 4
    await asyncio.gather(*(site.send() for _ in range(12)))
    assert destination.places.limit == 5
    destination.slow_down()
    assert destination.places.limit == 2
