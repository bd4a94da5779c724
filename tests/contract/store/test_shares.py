"""A site that calls many addresses unknown at once is not believed, and what it said is taken back (DESIGN 4)."""

from typing import Any

from mailsvc.domain.address_state import Evidence, Source, Strength
from mailsvc.domain.event import EventType
from mailsvc.domain.outcome import Category, Permanence, Scope
from mailsvc.domain.reply import Stage
from mailsvc.store import Store, address_states, shares
from tests.support.domain import NOW, attempt
from tests.support.store import accepted, conclude, count, log_of, opened

SITE = "google.com"
HOUR = 3600.0
START = NOW - NOW % 60  # of a minute


async def mail(store: Store, at: float, to: str, site: str | None = SITE, **fields: Any) -> None:
    """Have a mail taken by a site, or refused, so many seconds after `START`."""
    message = await accepted(store, to=to, accepted_at=START + at, challenge=None, force=True)
    ends = {"permanence": Permanence.PERMANENT, "category": Category.USER_UNKNOWN} | fields
    await conclude(store, message, attempt(destination=site, ended_at=START + at, **ends), now=START + at)


async def taken(store: Store, at: float, number: int, site: str = SITE) -> None:
    """Have mails taken."""
    for one in range(number):
        fields = {"permanence": Permanence.DELIVERED, "category": Category.DELIVERED, "stage": Stage.DOT}
        await mail(store, at, f"good{one}@gmail.com", site, scope=Scope.MESSAGE, **fields)


async def sweep(store: Store, at: float) -> None:
    """Do what the sweeper does each second."""
    await store.write(lambda tx: address_states.sweep(tx, START + at))


async def frozen(store: Store) -> list[str]:
    """Return the sites that are not believed."""
    return list(await store.read(shares.frozen))


async def suspects(store: Store) -> int:
    """Return how many addresses are suspect."""
    return (await store.read(address_states.counts))["suspect"]


async def test_mass_change_takes_back_what_the_site_said(store: Store) -> None:
    """At the twentieth refusal every state that came of them is withdrawn, each with an event; none comes after."""
    for number in range(19):
        await mail(store, number, f"{number}@gmail.com")
    assert (await suspects(store), await frozen(store)) == (19, [])
    for number in range(19, 30):
        await mail(store, number, f"{number}@gmail.com")
    assert (await suspects(store), await frozen(store)) == (0, [SITE])
    events = [event for event in await log_of(store) if event.type is EventType.ADDRESS_CHANGED]
    assert sorted(event.address or "" for event in events[19:]) == sorted(f"{one}@gmail.com" for one in range(19))
    assert {(event.data["state"], event.data["because"]) for event in events[19:]} == {("deliverable", "site_at_fault")}
    assert await count(store, "evidence") == 0


async def test_what_was_known_before_and_from_elsewhere_stays(store: Store) -> None:
    """Taken back is what this site said now: its word of an hour ago, another site's and a full mailbox stay."""
    await mail(store, -HOUR, "old@gmail.com")
    await mail(store, 0, "other@example.jp", "example.jp")
    await mail(store, 0, "full@gmail.com", category=Category.MAILBOX_FULL)
    for number in range(25):
        await mail(store, number + 1, "old@gmail.com" if number == 3 else f"{number}@gmail.com")
    assert await store.read(address_states.counts) == {
        "mailbox_full": 1,
        "refused": 0,
        "suspect": 2,
        "undeliverable": 0,
        "complained": 0,
    }


async def test_usual_share_is_no_mass_change(store: Store) -> None:
    """Twenty wrong addresses among hundreds are what a busy day brings."""
    await taken(store, 0, 400)
    for number in range(20):
        await mail(store, 1 + number, f"{number}@gmail.com")
    assert (await suspects(store), await frozen(store)) == (20, [])


async def test_history_decides_what_is_usual(store: Store) -> None:
    """A site whose addresses were almost never wrong is doubted sooner than one of which nothing is known."""
    await taken(store, 0, 300)
    await sweep(store, 700)
    for site in (SITE, "unknown.example"):
        await taken(store, 700, 400, site)
    for number in range(20):
        await mail(store, 701, f"{number}@gmail.com")
        await mail(store, 701, f"{number}@unknown.example", "unknown.example")
    # 20 of 420 are more than ten times 1 of 500 (known and assumed), and less than ten times 1 of 200 (assumed).
    assert await frozen(store) == [SITE]


async def test_site_is_believed_again_after_ten_normal_minutes(store: Store) -> None:
    """Flagging goes on when its share has been normal for a window; what it said meanwhile is no history."""
    for number in range(20):
        await mail(store, 0, f"{number}@gmail.com")
    for at in (300, 599):
        await mail(store, at, "again@gmail.com")
        await sweep(store, at)
    assert (await suspects(store), await frozen(store)) == (0, [SITE])
    await sweep(store, 661)
    assert await frozen(store) == []
    await mail(store, 662, "again@gmail.com")
    assert await suspects(store) == 1


async def test_site_that_goes_on_stays_frozen(store: Store) -> None:
    """As long as the last ten minutes are abnormal nothing it says counts."""
    for minute in range(30):
        for number in range(3):
            await mail(store, 60 * minute, f"{minute}-{number}@gmail.com")
        await sweep(store, 60 * minute + 1)
    assert (await suspects(store), await frozen(store)) == (0, [SITE])
    assert (await store.read(shares.frozen))[SITE] < START + 600  # since the beginning, not off and on


async def test_refusal_that_freezes_carries_no_note(store: Store) -> None:
    """The message whose refusal was one too many does not accuse its address, though the one before it did."""
    for number in range(18):
        await mail(store, 0, f"{number}@gmail.com")
    for at in (1, 2):
        await mail(store, at, "taro@gmail.com")
    *_, earlier, failed = [event for event in await log_of(store) if event.type is EventType.MESSAGE_FAILED]
    assert earlier.data["address"]["state"] == "suspect"
    assert failed.data["address"] is None


async def test_frozen_site_is_remembered_over_a_restart(database_url: str) -> None:
    """The freeze is stored: a process that starts again within it believes nothing either."""
    async with opened(database_url) as store:
        for number in range(20):
            await mail(store, 0, f"{number}@gmail.com")
    async with opened(database_url) as store:
        await mail(store, 60, "again@gmail.com")
        await sweep(store, 61)
        assert (await suspects(store), await frozen(store)) == (0, [SITE])


async def test_reports_of_a_frozen_site_do_not_flag(store: Store) -> None:
    """A report about a mail that this site took is its word too; that a mailbox is full is still believed."""
    fields = {"permanence": Permanence.DELIVERED, "category": Category.DELIVERED, "stage": Stage.DOT}
    await mail(store, 0, "taro@gmail.com", scope=Scope.MESSAGE, **fields)
    for number in range(20):
        await mail(store, 1, f"{number}@gmail.com")
    message = (await log_of(store))[0].message

    async def report(category: Category) -> str:
        told = Evidence(
            at=START + 5, source=Source.REPORT, strength=Strength.STRONG, category=category, message=message
        )
        standing = await store.write(lambda tx: address_states.note(tx, "taro@gmail.com", told, START + 5))
        return str(standing and standing.state)

    assert await report(Category.USER_UNKNOWN) == "deliverable"
    assert await report(Category.MAILBOX_FULL) == "mailbox_full"


async def test_site_that_the_route_does_not_name_is_the_domain(store: Store) -> None:
    """A relay's refusals are counted by the recipient's domain."""
    for number in range(20):
        await mail(store, 0, f"{number}@Gmail.com", None)
    assert await frozen(store) == ["gmail.com"]
