"""DNS that is slow, silent or down: nobody waits long for what is known, nor twice for the same silence."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from mailsvc.dns import DnsTrouble, MailHosts, NoSuchDomain, Resolver, mail_hosts, troubles
from mailsvc.dns import resolver as resolver_module
from tests.support.dns_zone import Clock, DnsServer, No, Zone

ZONE: Zone = {
    "example.jp": {"MX": ["10 old.example.jp."]},
    "old.example.jp": {"A": ["8.8.4.4"]},
    "bare.example.jp": {"A": ["8.8.8.8"]},
    "silent.example.jp": No.SILENCE,
    "v4.example.jp": {"A": ["8.8.8.8"], "AAAA": No.SILENCE},
    "v6.example.jp": {"A": No.SILENCE, "AAAA": ["2001:4860:4860::8888"]},
    "inside.example.jp": {"A": ["10.0.0.1"], "AAAA": No.SILENCE},
}
#: Longer than a test may take (seconds): what waits for it fails.
NEVER = 60.0
#: Far more than anything takes that does not wait for NEVER (seconds).
SOON = 10.0


class Site:
    """A DNS server and what asks it, with a clock that stands still for what is remembered."""

    def __init__(self, server: DnsServer) -> None:
        self.server = server
        self.clock = Clock()
        self.hosts = MailHosts(Resolver([("127.0.0.1", server.port)], now=self.clock).ask)

    async def exchanger(self, domain: str = "example.jp") -> str:
        """Return the first mail exchanger, without waiting for a server that never answers."""
        async with asyncio.timeout(SOON):
            return (await self.hosts.exchanges(domain))[0].host

    async def addresses(self, host: str) -> list[str]:
        """Return the addresses of a host, likewise."""
        async with asyncio.timeout(SOON):
            return await self.hosts.addresses(host)

    def asked(self, name: str, type_: str) -> int:
        """Return how often a question has come."""
        return self.server.questions.count((name, type_))


async def _becomes(ask: Callable[[], Awaitable[Any]], answer: Any) -> None:
    """Wait until an answer that was not waited for is told; the clock stands still meanwhile."""
    async with asyncio.timeout(SOON):
        while await ask() != answer:  # noqa: ASYNC110  the resolver tells nobody when it has learnt something
            await asyncio.sleep(0.02)


@pytest.fixture(name="site")
async def _site(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    """Give a resolver that asks again every 0.1 s, without end."""
    monkeypatch.setattr(resolver_module, "TIMEOUT", 0.1)
    monkeypatch.setattr(resolver_module, "LIFETIME", NEVER)
    async with DnsServer(zone=dict(ZONE)) as server:
        yield Site(server)


@pytest.fixture(name="brief_site")
async def _brief_site(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Give a resolver that gives up after 0.3 s."""
    monkeypatch.setattr(resolver_module, "LIFETIME", 0.3)
    return Site(site.server)


async def test_known_domain_is_served_stale_long_before_its_look_ups_time_out(site: Site) -> None:
    """With a resolver gone silent, exchangers and addresses that were known are told without its time-outs."""
    assert await site.exchanger() == "old.example.jp"
    assert await site.addresses("old.example.jp") == ["8.8.4.4"]
    site.server.zone |= dict.fromkeys(site.server.zone, No.SILENCE)
    site.clock.at += 3600
    assert await site.exchanger() == "old.example.jp"
    assert await site.addresses("old.example.jp") == ["8.8.4.4"]


async def test_domain_without_mx_records_is_served_stale_too(brief_site: Site) -> None:
    """That a domain is its own exchanger is known for a day like any other answer; it is no verdict."""
    assert await brief_site.exchanger("bare.example.jp") == "bare.example.jp"
    brief_site.server.zone["bare.example.jp"] = No.SILENCE
    brief_site.clock.at += 23 * 3600
    assert await brief_site.exchanger("bare.example.jp") == "bare.example.jp"
    brief_site.clock.at += 2 * 3600
    with pytest.raises(DnsTrouble):
        await brief_site.exchanger("bare.example.jp")


async def test_name_that_did_not_exist_is_in_trouble_while_the_resolver_is_down(brief_site: Site) -> None:
    """NXDOMAIN is never served stale: it would end mails to a domain that was registered meanwhile."""
    with pytest.raises(NoSuchDomain):
        await brief_site.exchanger("absent.example.jp")
    brief_site.server.zone["absent.example.jp"] = No.SERVFAIL
    brief_site.clock.at += 60
    with pytest.raises(DnsTrouble):
        await brief_site.exchanger("absent.example.jp")


async def test_late_answer_replaces_the_stale_one_that_was_served(site: Site) -> None:
    """The question goes on when nobody waits for it any more, and what it brings is served from then on."""
    await site.exchanger()
    site.clock.at += 3600
    site.server.zone["example.jp"] = No.SILENCE
    assert await site.exchanger() == "old.example.jp"
    site.server.zone["example.jp"] = {"MX": ["10 new.example.jp."]}
    await _becomes(site.exchanger, "new.example.jp")


async def test_prompt_answer_is_waited_for_although_a_stale_one_is_there(site: Site) -> None:
    """A resolver that works is never passed over for what was true an hour ago."""
    await site.exchanger()
    site.clock.at += 3600
    site.server.zone["example.jp"] = {"MX": ["10 new.example.jp."]}
    site.server.delay = 0.05
    assert await site.exchanger() == "new.example.jp"


async def test_who_comes_late_to_a_slow_question_has_the_patience_that_is_left(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patience counts from when the question was put: a burst of mails does not wait anew one after the other."""
    await site.exchanger()
    site.clock.at += 3600
    site.server.zone["example.jp"] = No.SILENCE
    monkeypatch.setattr(resolver_module, "PATIENCE", NEVER)
    waiting = asyncio.create_task(site.hosts.exchanges("example.jp"))
    await asyncio.sleep(0.05)
    site.clock.at += NEVER
    assert await site.exchanger() == "old.example.jp"
    assert not waiting.done()
    waiting.cancel()


async def test_stale_is_served_at_once_while_the_resolver_is_known_to_be_down(
    brief_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a trouble nobody waits: at first nothing is asked, then in the background, which sees the end of it."""
    await brief_site.exchanger()
    brief_site.clock.at += 3600
    brief_site.server.zone["example.jp"] = No.SILENCE
    monkeypatch.setattr(resolver_module, "PATIENCE", NEVER)
    assert await brief_site.exchanger() == "old.example.jp"  # the look-up failed while there was patience
    asked = brief_site.asked("example.jp", "MX")
    assert await brief_site.exchanger() == "old.example.jp"
    assert brief_site.asked("example.jp", "MX") == asked
    brief_site.server.zone["example.jp"] = {"MX": ["10 new.example.jp."]}
    brief_site.server.delay = 0.05
    brief_site.clock.at += 2
    assert await brief_site.exchanger() == "old.example.jp"
    await _becomes(brief_site.exchanger, "new.example.jp")


async def test_answer_ends_the_trouble(brief_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a question was answered the resolver counts as up: the next answer is waited for again."""
    monkeypatch.setattr(resolver_module, "TTL_MIN", 1.0)
    brief_site.server.ttl = 1
    brief_site.server.zone["example.jp"] = No.SERVFAIL
    with pytest.raises(DnsTrouble):
        await brief_site.exchanger()
    brief_site.server.zone["example.jp"] = ZONE["example.jp"]
    brief_site.clock.at += 2
    assert await brief_site.exchanger() == "old.example.jp"
    brief_site.server.zone["example.jp"] = {"MX": ["10 new.example.jp."]}
    brief_site.clock.at += 2
    assert await brief_site.exchanger() == "new.example.jp"


@pytest.mark.parametrize("kind", [No.SERVFAIL, No.SILENCE])
async def test_question_without_an_answer_is_put_again_after_a_rest_for_all_who_come(
    brief_site: Site, kind: No, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told of a trouble that is over, though the question is put once for all who ask in its rest."""
    monkeypatch.setattr(troubles, "REST", 0.3)
    brief_site.server.zone["example.jp"] = kind
    with pytest.raises(DnsTrouble, match=r"example\.jp \(MX\)"):
        await brief_site.exchanger()
    asked = brief_site.asked("example.jp", "MX")
    brief_site.server.zone["example.jp"] = {"MX": ["10 new.example.jp."]}
    waiting = [asyncio.create_task(brief_site.exchanger()) for _ in range(3)]
    await asyncio.sleep(0.1)
    assert brief_site.asked("example.jp", "MX") == asked
    assert await asyncio.gather(*waiting) == ["new.example.jp"] * 3
    assert brief_site.asked("example.jp", "MX") == asked + 1


async def test_no_more_questions_are_out_than_there_may_be(site: Site) -> None:
    """Whatever number of names is silent, so many sockets are open; the others' questions follow them."""
    site.server.zone["silent2.example.jp"] = No.SILENCE
    resolver = Resolver([("127.0.0.1", site.server.port)], questions=2)
    asking = [asyncio.create_task(resolver.ask(name, "MX")) for name in ("silent.example.jp", "silent2.example.jp")]
    await asyncio.sleep(0.05)
    asking.append(asyncio.create_task(resolver.ask("example.jp", "MX")))
    await asyncio.sleep(0.2)
    assert not site.asked("example.jp", "MX")
    site.server.zone["silent.example.jp"] = {}
    assert (await asyncio.wait_for(asking[2], SOON)).values == ("10 old.example.jp.",)
    asking[1].cancel()


@pytest.mark.parametrize("host", ["v4.example.jp", "v6.example.jp"])
async def test_silence_about_one_family_does_not_keep_the_other_waiting(site: Site, host: str) -> None:
    """A public address of one family is enough after a moment; the other is known as soon as its answer comes."""
    (known,) = [records[0] for records in ZONE[host].values() if not isinstance(records, No)]  # type: ignore[union-attr]
    assert await site.addresses(host) == [known]
    site.server.zone[host] = {"A": ["8.8.8.8"], "AAAA": ["2001:4860:4860::8888"]}
    await _becomes(lambda: site.addresses(host), ["8.8.8.8", "2001:4860:4860::8888"])


async def test_second_family_is_waited_for_where_the_first_leads_nowhere(site: Site) -> None:
    """A private address is none to connect to: the other family may have the one that is."""

    def answer() -> None:
        site.server.zone["inside.example.jp"] = {"A": ["10.0.0.1"], "AAAA": ["2001:4860:4860::8888"]}

    asyncio.get_running_loop().call_later(1.0, answer)  # later than any grace
    assert await site.addresses("inside.example.jp") == ["10.0.0.1", "2001:4860:4860::8888"]


async def test_silent_family_is_not_waited_for_by_the_next_mail(
    brief_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An AAAA question that is never answered costs one mail a moment, not each."""
    assert await brief_site.addresses("v4.example.jp") == ["8.8.8.8"]
    monkeypatch.setattr(mail_hosts, "GRACE", NEVER)
    assert await brief_site.addresses("v4.example.jp") == ["8.8.8.8"]


async def test_answer_is_kept_though_whoever_asked_gave_up(site: Site) -> None:
    """A mail whose time is up leaves its question behind; what it brings serves the next one."""
    site.server.zone["example.jp"] = No.SILENCE
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await site.hosts.exchanges("example.jp")
    site.server.zone["example.jp"] = {"MX": ["10 new.example.jp."]}
    await asyncio.sleep(0.5)
    site.server.zone["example.jp"] = No.SILENCE
    assert await site.exchanger() == "new.example.jp"
