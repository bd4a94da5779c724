"""Checks that DNS left open are made again later, over restarts, with a store and a DNS server (issue 6, item 7)."""

from collections.abc import AsyncIterator
from functools import partial

import pytest

from mailsvc.checks import rechecks as policy
from mailsvc.checks.check import Checked
from mailsvc.checks.domains import Domains
from mailsvc.checks.reading import Reading
from mailsvc.checks.rechecks import DELAYS, GIVEN_UP, Rechecks, next_look
from mailsvc.dns import MailHosts, Resolver
from mailsvc.domain.address import parse
from mailsvc.domain.check import Reason, ReasonCode, Severity
from mailsvc.store import Store, address_book, rechecks
from tests.support.addresses import changes, state
from tests.support.dns_zone import Clock, DnsServer, No
from tests.support.domain import NOW
from tests.support.store import accepted, count, database_url, opened, store

__all__ = ["database_url", "store"]  # fixtures

TARO = "Taro@slow.jp"
OPEN = Reason(ReasonCode.DNS_TEMPORARY, Severity.UNKNOWN)
MX = {"MX": ["10 mx.slow.jp."]}


class Stepped:
    """A clock that a test sets, for the store's instants and what the resolver remembers."""

    def __init__(self) -> None:
        self.at = NOW
        self.resolver = Clock()

    def now(self) -> float:
        """Read it."""
        return self.at

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.at += seconds
        self.resolver.at += seconds


@pytest.fixture(name="clock")
def _clock() -> Stepped:
    return Stepped()


@pytest.fixture(name="server")
async def _server() -> AsyncIterator[DnsServer]:
    async with DnsServer(zone={"slow.jp": No.SERVFAIL, "mx.slow.jp": {"A": ["8.8.8.8"]}}) as server:
        yield server


def room(store: Store, server: DnsServer, clock: Stepped) -> Rechecks:
    """Return what checks again."""
    resolver = Resolver([("127.0.0.1", server.port)], now=clock.resolver)
    return Rechecks(store=store, clock=clock, domains=Domains(MailHosts(resolver.ask)))  # type: ignore[arg-type]


def checked(to: str = TARO, *reasons: Reason) -> Checked:
    """Return a check, left open where no reasons are given."""
    address = parse(to)
    return Checked(reading=Reading(given=to, normalized=to, address=address), reasons=reasons or (OPEN,))


async def waiting(store: Store) -> int:
    """Return how many addresses are to be looked at again."""
    return await count(store, "rechecks")


@pytest.mark.parametrize(
    ("looks", "after"),
    [(0, 60), (1, 300), (2, 900), (3, 3600), (4, 4 * 3600), (5, 12 * 3600), (6, 86400), (7, 86400), (99, 86400)],
)
def test_looks_come_at_growing_distances(looks: int, after: float) -> None:
    """The more looks got no answer the later the next one comes, a day later at most; after a week none does."""
    assert next_look(NOW, looks, NOW + 5) == NOW + 5 + after
    assert next_look(NOW, looks, NOW + GIVEN_UP) is None


@pytest.mark.parametrize(
    ("reasons", "remembered"),
    [
        ((OPEN,), 1),
        ((Reason(ReasonCode.TYPO_DOMAIN, Severity.WARN), OPEN), 1),
        ((Reason(ReasonCode.TRAP_DOMAIN, Severity.REJECT), OPEN), 0),
        ((Reason(ReasonCode.ROLE_ACCOUNT, Severity.INFO),), 0),
    ],
    ids=["open", "open, asked about", "rejected", "answered"],
)
async def test_only_what_may_be_registered_and_is_open_is_remembered(
    store: Store, server: DnsServer, clock: Stepped, reasons: tuple[Reason, ...], remembered: int
) -> None:
    """An address is looked at again where DNS gave no answer and the form may have taken it."""
    await room(store, server, clock).remember(checked(TARO, *reasons))
    assert await waiting(store) == remembered


async def test_text_that_is_no_address_is_not_remembered(store: Store, server: DnsServer, clock: Stepped) -> None:
    """There is nothing to look up for it."""
    reading = Reading(given="x", normalized="x", address=None)
    await room(store, server, clock).remember(Checked(reading=reading, reasons=(OPEN,)))
    assert await waiting(store) == 0


@pytest.mark.parametrize(
    ("later", "found"),
    [
        (No.NXDOMAIN, "no_such_domain"),
        ({"MX": ["0 ."]}, "null_mx"),
        ({"MX": ["10 gone.slow.jp."]}, "no_mail_host"),
        ({"TXT": ['"x"']}, "no_mail_host"),
        ({"A": ["10.0.0.1"]}, "mail_host_not_public"),
    ],
    ids=str,
)
async def test_domain_that_turns_out_bad_is_evidence_over_a_restart(
    database_url: str, server: DnsServer, clock: Stepped, later: object, found: str
) -> None:
    """What DNS says at last changes the address, mailed or not, and is told once, by whatever process runs then."""
    async with opened(database_url) as store:
        await room(store, server, clock).remember(checked())
    server.zone["slow.jp"] = later  # type: ignore[assignment]
    async with opened(database_url) as store:
        again = room(store, server, clock)
        await again.sweep()
        assert server.questions == []
        clock.pass_(DELAYS[0])
        await again.sweep()
        (told,) = await changes(store)
        assert (told.address, told.data["state"], told.data["because"]) == ("taro@slow.jp", "suspect", "dns")
        assert told.data["category"] == "domain_unknown"
        (evidence,) = told.data["evidence"]
        assert (evidence["source"], evidence["stage"], evidence["reply"]) == ("dns", "dns", f"looked up again: {found}")
        assert await waiting(store) == 0
        await again.sweep()
        assert len(await changes(store)) == 1


async def test_domain_that_turns_out_good_is_forgotten(store: Store, server: DnsServer, clock: Stepped) -> None:
    """A domain that takes mail leaves nothing behind."""
    again = room(store, server, clock)
    await again.remember(checked())
    server.zone["slow.jp"] = MX
    clock.pass_(DELAYS[0])
    await again.sweep()
    assert await waiting(store) == 0
    assert await changes(store) == []
    assert await state(store, to=TARO) == "unknown"
    assert await count(store, "addresses") == 0


async def test_domain_that_never_answers_is_given_up_after_a_week(
    store: Store, server: DnsServer, clock: Stepped
) -> None:
    """Looks come at the instants of the policy, and none after the week."""
    again = room(store, server, clock)
    await again.remember(checked())
    looks = 0
    while await waiting(store):
        (due,) = await store.read(partial(rechecks.due, now=NOW + 2 * GIVEN_UP, limit=9))
        clock.pass_(due.next_at - clock.at)
        await again.sweep()
        looks += 1
        assert looks < 50
    assert clock.at - NOW >= GIVEN_UP
    assert looks == 13
    assert await changes(store) == []


async def test_address_that_is_checked_again_keeps_its_turn(store: Store, server: DnsServer, clock: Stepped) -> None:
    """A form that is sent ten times does not put the look off, nor ask ten times."""
    again = room(store, server, clock)
    await again.remember(checked())
    clock.pass_(DELAYS[0] - 1)
    await again.remember(checked(TARO.upper()))
    assert await waiting(store) == 1
    clock.pass_(1)
    await again.sweep()
    assert len(server.questions) == 1


async def test_forgotten_address_is_not_looked_at_again(store: Store, server: DnsServer, clock: Stepped) -> None:
    """`forget` erases what waits, and a look that is under way meanwhile brings nothing back."""
    await room(store, server, clock).remember(checked())
    (due,) = await store.read(partial(rechecks.due, now=NOW + 60, limit=9))
    await store.write(lambda tx: address_book.forget(tx, parse(TARO).identity, NOW))
    assert await waiting(store) == 0
    await store.write(lambda tx: rechecks.condemn(tx, due, "x", NOW))
    await store.write(lambda tx: rechecks.postpone(tx, due, NOW + 300))
    assert (await waiting(store), await count(store, "addresses")) == (0, 0)


async def test_known_address_keeps_its_tag(store: Store, server: DnsServer, clock: Stepped) -> None:
    """An address that was mailed meanwhile is flagged as it is, and its next mail has the same envelope sender."""
    again = room(store, server, clock)
    await again.remember(checked())
    first = await accepted(store, to=TARO, accepted_at=NOW + 1, challenge=None)
    server.zone["slow.jp"] = No.NXDOMAIN
    clock.pass_(DELAYS[0])
    await again.sweep()
    assert await state(store, 61, to=TARO) == "suspect"
    second = await accepted(store, to=TARO, accepted_at=NOW + 62, challenge=None)
    assert first.tag == second.tag


async def test_rows_are_bounded(
    store: Store, server: DnsServer, clock: Stepped, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound nothing more is remembered, and nothing that waits is lost."""
    monkeypatch.setattr(rechecks, "ROWS_MAX", 3)
    again = room(store, server, clock)
    for number in range(5):
        await again.remember(checked(f"u{number}@slow.jp"))
    due = await store.read(partial(rechecks.due, now=NOW + 60, limit=9))
    assert {row.address for row in due} == {"u0@slow.jp", "u1@slow.jp", "u2@slow.jp"}


async def test_round_is_bounded_and_the_longest_wait_comes_first(
    store: Store, server: DnsServer, clock: Stepped, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round looks at a part of what is due, in order."""
    monkeypatch.setattr(policy, "BATCH", 2)
    again = room(store, server, clock)
    for number in range(3):
        server.zone[f"d{number}.jp"] = MX
        await again.remember(checked(f"u@d{number}.jp"))
        clock.pass_(1)
    clock.pass_(DELAYS[0])
    await again.sweep()
    assert [row.address for row in await store.read(partial(rechecks.due, now=clock.at, limit=9))] == ["u@d2.jp"]
