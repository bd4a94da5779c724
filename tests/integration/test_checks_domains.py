"""What a registration check finds of domains, against a DNS server on loopback (CONTRACT 3.4)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from dns.resolver import NoResolverConfiguration

from mailsvc.checks import domains as domains_module
from mailsvc.checks.domains import Domains
from mailsvc.checks.turns import Turns
from mailsvc.dns import MailHosts, Resolver
from mailsvc.domain.check import DomainFinding, MailHost, ReasonCode, Severity
from tests.support.dns_zone import DnsServer, No, Zone

PUBLIC, PUBLIC_6 = "8.8.8.8", "2606:4700::1"
OWN = "9.9.9.9"
ZONE: Zone = {
    "mx.example.jp": {"A": [PUBLIC], "AAAA": [PUBLIC_6]},
    "mx6.example.jp": {"AAAA": [PUBLIC_6]},
    "private.example.jp": {"A": ["10.0.0.1"], "AAAA": ["fd00::1"]},
    "loopback.example.jp": {"A": ["127.0.0.1"]},
    "own.example.jp": {"A": [OWN]},
    "nat64.example.jp": {"AAAA": ["64:ff9b::a00:1"]},
    "alias.example.jp": {"CNAME": ["mx.example.jp."]},
    "dead-alias.example.jp": {"CNAME": ["gone.example.jp."]},
    "servfail.example.jp": No.SERVFAIL,
    "good.jp": {"MX": ["20 mx6.example.jp.", "10 mx.example.jp."]},
    "six.jp": {"MX": ["10 mx6.example.jp."]},
    "implicit.jp": {"A": [PUBLIC]},
    "implicit6.jp": {"AAAA": [PUBLIC_6]},
    "aliased.jp": {"MX": ["10 alias.example.jp."]},
    "dead-aliased.jp": {"MX": ["10 dead-alias.example.jp."]},
    "domain-alias.jp": {"CNAME": ["good.jp."]},
    "null.jp": {"MX": ["0 ."]},
    "null-and-more.jp": {"MX": ["0 .", "10 mx.example.jp."]},
    "empty.jp": {"TXT": ['"nothing to see"']},
    "missing.jp": {"MX": ["10 no1.example.jp.", "20 no2.example.jp."]},
    "some-missing.jp": {"MX": ["10 no1.example.jp.", "20 mx.example.jp."]},
    "literal.jp": {"MX": ["10 192.0.2.1."]},
    "private.jp": {"MX": ["10 private.example.jp.", "20 loopback.example.jp."]},
    "private-and-missing.jp": {"MX": ["10 no1.example.jp.", "20 private.example.jp."]},
    "private-and-public.jp": {"MX": ["10 private.example.jp.", "20 mx.example.jp."]},
    "private-implicit.jp": {"A": ["192.168.1.1"]},
    "nat64.jp": {"MX": ["10 nat64.example.jp."]},
    "ours.jp": {"MX": ["10 own.example.jp."]},
    "servfail.jp": No.SERVFAIL,
    "refused.jp": No.REFUSED,
    "silent.jp": No.SILENCE,
    "forged.jp": No.WRONG_ID,
    "half.jp": {"MX": No.SERVFAIL, "A": [PUBLIC]},
    "hosts-servfail.jp": {"MX": ["10 servfail.example.jp.", "20 no1.example.jp."]},
    "private-or-servfail.jp": {"MX": ["10 private.example.jp.", "20 servfail.example.jp."]},
    "servfail-then-good.jp": {"MX": ["10 servfail.example.jp.", "20 mx.example.jp."]},
    "xn--wgv71a119e.jp": {"MX": ["10 mx.example.jp."]},
    "many.jp": {"MX": [f"{number} no{number}.example.jp." for number in range(60)]},
}
TEMPORARY = ReasonCode.DNS_TEMPORARY


@pytest.fixture(name="server")
async def _server() -> AsyncIterator[DnsServer]:
    async with DnsServer(zone=dict(ZONE)) as server:
        yield server


def looking(server: DnsServer, **options: object) -> Domains:
    """Return what looks domains up at the server."""
    turns = Turns(Resolver([("127.0.0.1", server.port)]))
    return Domains(MailHosts(turns.ask), own_addresses=[OWN], **options)  # type: ignore[arg-type]


def codes(finding: DomainFinding) -> list[str]:
    """Return the codes of a finding."""
    return [reason.code.value for reason in finding.reasons]


@pytest.mark.parametrize(
    ("domain", "code"),
    [
        ("good.jp", None),
        ("GOOD.jp", None),
        ("six.jp", None),
        ("implicit.jp", None),
        ("implicit6.jp", None),
        ("aliased.jp", None),
        ("domain-alias.jp", None),
        ("null-and-more.jp", None),
        ("some-missing.jp", None),
        ("private-and-public.jp", None),
        ("servfail-then-good.jp", None),
        ("xn--wgv71a119e.jp", None),
        ("absent.jp", "no_such_domain"),
        ("null.jp", "null_mx"),
        ("empty.jp", "no_mail_host"),
        ("missing.jp", "no_mail_host"),
        ("many.jp", "no_mail_host"),
        ("literal.jp", "no_mail_host"),
        ("dead-aliased.jp", "no_mail_host"),
        ("private.jp", "mail_host_not_public"),
        ("private-and-missing.jp", "mail_host_not_public"),
        ("private-implicit.jp", "mail_host_not_public"),
        ("nat64.jp", "mail_host_not_public"),
        ("ours.jp", "mail_host_not_public"),
        ("servfail.jp", "dns_temporary"),
        ("refused.jp", "dns_temporary"),
        ("half.jp", "dns_temporary"),
        ("hosts-servfail.jp", "dns_temporary"),
        ("private-or-servfail.jp", "dns_temporary"),
    ],
)
async def test_each_kind_of_domain_is_told_apart(server: DnsServer, domain: str, code: str | None) -> None:
    """One host that can be connected to is enough; without any, the finding says why, DNS trouble before all else."""
    finding = await looking(server).look(domain)
    assert codes(finding) == ([code] if code else [])
    assert finding.ascii == domain.lower()
    assert finding.null_mx is (code == "null_mx")
    expected = Severity.UNKNOWN if code == TEMPORARY else Severity.REJECT
    assert all(reason.severity is expected for reason in finding.reasons)


async def test_mail_hosts_stand_in_their_order(server: DnsServer) -> None:
    """The finding lists what the domain names, the most preferred first; a domain without MX is its own host."""
    domains = looking(server)
    assert (await domains.look("good.jp")).mx == (MailHost(10, "mx.example.jp"), MailHost(20, "mx6.example.jp"))
    assert (await domains.look("implicit.jp")).mx == (MailHost(0, "implicit.jp"),)
    assert (await domains.look("null-and-more.jp")).mx == (MailHost(10, "mx.example.jp"),)
    assert (await domains.look("missing.jp")).mx == (MailHost(10, "no1.example.jp"), MailHost(20, "no2.example.jp"))
    for nothing in ("empty.jp", "null.jp", "absent.jp", "servfail.jp"):
        assert (await domains.look(nothing)).mx == ()


@pytest.mark.parametrize("domain", ["private.jp", "private-implicit.jp", "ours.jp", "nat64.jp"])
async def test_private_mail_host_is_taken_where_tests_allow_it(server: DnsServer, domain: str) -> None:
    """With MAILSVC_ALLOW_PRIVATE_MX nothing is held against a host for its address."""
    assert codes(await looking(server, allow_private=True).look(domain)) == []


@pytest.mark.parametrize("domain", ["absent.jp", "null.jp", "missing.jp"])
async def test_domain_that_took_mail_lately_has_broken_dns(server: DnsServer, domain: str) -> None:
    """What DNS denies of a domain that took a mail within 30 days is DNS trouble, no verdict."""
    asked = []

    async def took_mail(name: str) -> bool:
        asked.append(name)
        return True

    domains = looking(server, took_mail=took_mail)
    assert codes(await domains.look(domain.upper())) == [TEMPORARY]
    assert codes(await domains.look("private.jp")) == ["mail_host_not_public"]
    assert asked == [domain]


async def test_dns_that_hangs_is_temporary_in_time(server: DnsServer) -> None:
    """A server that never answers, or answers another question, costs a form less than 5 s."""
    domains = looking(server)
    async with asyncio.timeout(4.9):
        found = await asyncio.gather(*(domains.look(domain) for domain in ("silent.jp", "forged.jp")))
    assert [codes(finding) for finding in found] == [[TEMPORARY], [TEMPORARY]]


async def test_mail_hosts_that_hang_are_temporary_and_named(server: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the hosts' addresses do not come in time the finding still lists the hosts."""
    monkeypatch.setattr(domains_module, "BUDGET", 0.5)
    server.zone |= {
        "hanging.jp": {"MX": ["10 h1.example.jp.", "20 h2.example.jp."]},
        "h1.example.jp": No.SILENCE,
        "h2.example.jp": No.SILENCE,
    }
    finding = await looking(server).look("hanging.jp")
    assert codes(finding) == [TEMPORARY]
    assert [host.host for host in finding.mx] == ["h1.example.jp", "h2.example.jp"]


async def test_first_mail_host_that_hangs_does_not_hide_the_second(server: DnsServer) -> None:
    """A host whose name server is silent is passed over soon."""
    server.zone |= {
        "hanging.jp": {"MX": ["10 h1.example.jp.", "20 mx.example.jp."]},
        "h1.example.jp": No.SILENCE,
    }
    async with asyncio.timeout(1):
        assert codes(await looking(server).look("hanging.jp")) == []


async def test_good_first_host_is_the_only_one_looked_up(server: DnsServer) -> None:
    """Nothing is asked about further hosts when the first will do."""
    await looking(server).look("good.jp")
    assert {name for name, _ in server.questions} == {"good.jp", "mx.example.jp"}


async def test_hanging_domain_keeps_nobody_else_waiting(server: DnsServer) -> None:
    """A crowd of names under one silent name server waits for its own turns; other domains are answered at once."""
    server.zone |= {f"n{number}.silent-site.jp": No.SILENCE for number in range(300)}
    domains = looking(server)
    await domains.look("six.jp")
    crowd = [asyncio.create_task(domains.look(f"n{number}.silent-site.jp")) for number in range(300)]
    async with asyncio.timeout(3):
        while len(_silent(server)) < 8:  # noqa: ASYNC110  the server tells nobody
            await asyncio.sleep(0.02)
    async with asyncio.timeout(1):
        assert codes(await domains.look("good.jp")) == []
    assert len(_silent(server)) == 8
    for task in crowd:
        task.cancel()


def _silent(server: DnsServer) -> set[str]:
    return {name for name, _ in server.questions if "silent-site" in name}


async def test_known_answer_waits_for_no_turn(server: DnsServer) -> None:
    """With every turn taken by hanging questions, what is known is answered, and what is not is DNS trouble in time."""
    server.zone |= {f"silent{number}.jp": No.SILENCE for number in range(4)}
    turns = Turns(Resolver([("127.0.0.1", server.port)]), out=4)
    domains = Domains(MailHosts(turns.ask))
    await domains.look("good.jp")
    crowd = [asyncio.create_task(domains.look(f"silent{number}.jp")) for number in range(4)]
    await asyncio.sleep(0.1)
    asked = len(server.questions)
    async with asyncio.timeout(1):
        assert codes(await domains.look("good.jp")) == []
    assert len(server.questions) == asked
    for task in crowd:
        task.cancel()


async def test_service_without_any_resolver_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a resolver is DNS trouble, not a failure."""

    def none_here(*_: object) -> None:
        raise NoResolverConfiguration

    monkeypatch.setattr("dns.resolver.BaseResolver.read_resolv_conf", none_here)
    finding = await Domains(MailHosts(Turns(Resolver()).ask)).look("example.jp")
    assert codes(finding) == [TEMPORARY]
