"""The resolver and the order of mail exchangers, against a DNS server on loopback."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mailsvc.dns import DnsTrouble, MailHosts, NoSuchDomain, NullMx, Resolver
from mailsvc.dns import resolver as resolver_module
from tests.support.dns_zone import Clock, DnsServer, No, Zone

ZONE: Zone = {
    "two.example.jp": {"MX": ["20 b.two.example.jp.", "10 a.two.example.jp."]},
    "none.example.jp": {"A": ["192.0.2.1"]},
    "null.example.jp": {"MX": ["0 ."]},
    "fail.example.jp": No.SERVFAIL,
    "refused.example.jp": No.REFUSED,
    "silent.example.jp": No.SILENCE,
    "forged.example.jp": No.WRONG_ID,
    "a.two.example.jp": {"A": ["192.0.2.7"], "AAAA": ["2001:db8::7"]},
    "half.example.jp": {"A": ["192.0.2.8"], "AAAA": No.SERVFAIL},
    "broken.example.jp": {"A": No.SERVFAIL},
}


@pytest.fixture(name="server")
async def _server() -> AsyncIterator[DnsServer]:
    async with DnsServer(zone=dict(ZONE)) as server:
        yield server


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver_module, "TIMEOUT", 0.2)
    monkeypatch.setattr(resolver_module, "LIFETIME", 0.4)


def _hosts(server: DnsServer, clock: Clock | None = None) -> MailHosts:
    return MailHosts(Resolver([("127.0.0.1", server.port)], now=clock or Clock()).ask)


async def test_exchanges_stand_in_order_of_preference(server: DnsServer) -> None:
    """The lower preference comes first, whatever the order of the answer."""
    assert [exchange.host for exchange in await _hosts(server).exchanges("Two.example.jp")] == [
        "a.two.example.jp",
        "b.two.example.jp",
    ]


async def test_domain_without_mx_is_its_own_exchanger(server: DnsServer) -> None:
    """No data for MX means the implicit MX of RFC 5321 5.1."""
    (exchange,) = await _hosts(server).exchanges("none.example.jp")
    assert (exchange.preference, exchange.host) == (0, "none.example.jp")


@pytest.mark.parametrize(
    ("domain", "error"),
    [
        ("absent.example.jp", NoSuchDomain),
        ("null.example.jp", NullMx),
        ("fail.example.jp", DnsTrouble),
        ("refused.example.jp", DnsTrouble),
        ("silent.example.jp", DnsTrouble),
        ("forged.example.jp", DnsTrouble),
        ("x" * 64 + ".example.jp", DnsTrouble),
    ],
)
async def test_each_kind_of_no_is_told_apart(server: DnsServer, domain: str, error: type[Exception]) -> None:
    """NXDOMAIN and null MX are verdicts on the domain; everything else is trouble with DNS."""
    with pytest.raises(error):
        await _hosts(server).exchanges(domain)


async def test_addresses_are_ipv4_first_and_survive_one_family_failing(server: DnsServer) -> None:
    """Both families are used, IPv4 first; trouble with one does not hide the other."""
    hosts = _hosts(server)
    assert await hosts.addresses("a.two.example.jp") == ["192.0.2.7", "2001:db8::7"]
    assert await hosts.addresses("half.example.jp") == ["192.0.2.8"]
    assert await hosts.addresses("absent.example.jp") == []
    with pytest.raises(DnsTrouble):
        await hosts.addresses("broken.example.jp")


async def test_fifty_waiting_for_one_name_ask_once(server: DnsServer) -> None:
    """One question goes out however many want its answer, and the answer is kept."""
    server.delay = 0.05
    hosts = _hosts(server)
    await asyncio.gather(*(hosts.exchanges("two.example.jp") for _ in range(50)))
    await hosts.exchanges("two.example.jp")
    assert server.questions == [("two.example.jp", "MX")]


async def test_answer_is_asked_again_after_its_ttl(server: DnsServer) -> None:
    """A changed record is seen when the TTL has passed, not before."""
    clock = Clock()
    hosts = _hosts(server, clock)
    await hosts.exchanges("two.example.jp")
    server.zone["two.example.jp"] = {"MX": ["5 c.two.example.jp."]}
    clock.at += 59
    assert (await hosts.exchanges("two.example.jp"))[0].host == "a.two.example.jp"
    clock.at += 2
    assert (await hosts.exchanges("two.example.jp"))[0].host == "c.two.example.jp"


@pytest.mark.parametrize("trouble", [No.SERVFAIL, No.SILENCE])
async def test_known_name_is_served_stale_for_a_day_while_the_resolver_is_down(server: DnsServer, trouble: No) -> None:
    """A domain that answered before keeps answering for 24 hours; then it is DNS trouble, never a verdict."""
    clock = Clock()
    hosts = _hosts(server, clock)
    await hosts.exchanges("two.example.jp")
    server.zone["two.example.jp"] = trouble
    clock.at += 23 * 3600
    assert (await hosts.exchanges("two.example.jp"))[0].host == "a.two.example.jp"
    clock.at += 2 * 3600
    with pytest.raises(DnsTrouble):
        await hosts.exchanges("two.example.jp")


async def test_domain_that_vanishes_is_not_served_stale(server: DnsServer) -> None:
    """NXDOMAIN is an answer: what was known before no longer counts."""
    clock = Clock()
    hosts = _hosts(server, clock)
    await hosts.exchanges("two.example.jp")
    del server.zone["two.example.jp"]
    clock.at += 3600
    with pytest.raises(NoSuchDomain):
        await hosts.exchanges("two.example.jp")
