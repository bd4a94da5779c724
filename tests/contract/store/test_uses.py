"""The closed loop over a real store: sites that let codes vanish, and reports that are missing (issue 5.3)."""

from collections.abc import Sequence
from typing import Any

import pytest

from mailsvc.domain.discard import GIVEN_UP, JUDGED_AFTER
from mailsvc.domain.event import EventType
from mailsvc.domain.instant import parse_rfc3339
from mailsvc.store import Store, Transaction, retention, uses
from mailsvc.store.retention import KEEP_DESTINATIONS
from mailsvc.store.uses import AWAY, Standing
from tests.support.domain import NOW
from tests.support.store import count, log_of, opened
from tests.support.uses import DAY, judge, known, logins

SITE, OTHER, THIRD = "docomo.ne.jp", "google.com", "yahoo.co.jp"
MINUTE = 60.0
GOOD = [True] * 9 + [False]
LOST = [False] * 10
FINE = Standing(frozenset(), None)


async def discards(store: Store) -> list[dict[str, Any]]:
    """Return the data of the events, with the minutes after `NOW` at which each was emitted."""
    events = [event for event in await log_of(store) if event.type is EventType.DESTINATION_SILENT_DISCARD]
    assert all(event.message is None and event.address is None for event in events)
    return [{"minute": (event.at - NOW) / MINUTE, **event.data} for event in events]


async def standing(store: Store) -> Standing:
    """Return what the loop says."""
    return await store.read(uses.standing)


async def rows(store: Store) -> list[Any]:
    """Return what is stored of the loop."""
    query = "SELECT * FROM uses, use_reports"
    return list(await store.read(lambda connection: connection.exec_driver_sql(query).all()))


async def play(store: Store, minutes: range, *fates: tuple[str, Sequence[bool]], pause: int = 6) -> None:
    """Have sites take codes each minute, and judge each minute, and on for as long as the last ones need."""
    for minute in range(minutes.start, minutes.stop + pause):
        at = NOW + minute * MINUTE
        for site, used in fates:
            if minute in minutes:
                await logins(store, at, site, used)
        await judge(store, at)


@pytest.fixture
async def begun(store: Store) -> Store:
    """Return a store that knows three sites and has begun to judge."""
    await known(store, SITE, OTHER, THIRD, at=NOW - MINUTE)
    await judge(store, NOW - MINUTE)
    return store


async def test_discarding_site_is_told_once_within_ten_minutes_and_cleared(begun: Store) -> None:
    """Each code of one site is lost for some minutes: one event when that is sure, one when codes are used again."""
    await play(begun, range(4), (SITE, LOST), (OTHER, GOOD), (THIRD, GOOD), pause=0)
    await play(begun, range(4, 14), (SITE, GOOD), (OTHER, GOOD), (THIRD, GOOD), pause=0)
    assert (await standing(begun)).discarding == {SITE}
    await play(begun, range(14, 20), (SITE, GOOD), (OTHER, GOOD), (THIRD, GOOD))
    raised, cleared = await discards(begun)
    assert raised.pop("minute") < 10
    assert parse_rfc3339(raised.pop("since")) == NOW
    assert raised == {"destination": SITE, "state": "raised", "sent": 20, "used": 0, "usual_share": 0.882}
    assert (cleared["destination"], cleared["state"]) == (SITE, "cleared")
    assert await standing(begun) == FINE


async def test_loop_goes_on_where_a_killed_process_stopped(database_url: str) -> None:
    """Closed and opened before each step, the store judges each code once and tells the same."""
    async with opened(database_url) as store:
        await known(store, SITE, OTHER, at=NOW - MINUTE)
        await judge(store, NOW - MINUTE)
    for minute in range(12):
        async with opened(database_url) as store:
            fates = ((SITE, LOST), (OTHER, GOOD)) if minute < 4 else ()
            await play(store, range(minute, minute + 1), *fates, pause=0)
    async with opened(database_url) as store:
        (event,) = await discards(store)
    assert (event["sent"], event["used"]) == (20, 0)


async def test_step_that_is_not_committed_is_done_again(begun: Store) -> None:
    """Event, counts and place in the log are one transaction: without its commit nothing has happened."""
    for site, used in ((SITE, LOST * 3), (OTHER, GOOD)):
        await logins(begun, NOW, site, used)

    def broken(tx: Transaction) -> None:
        uses.judge(tx, NOW + JUDGED_AFTER + 1)
        raise KeyError

    for minute in range(6):
        await judge(begun, NOW + minute * MINUTE)
    before = await rows(begun)
    with pytest.raises(KeyError):
        await begun.write(broken)
    assert (await rows(begun), await discards(begun)) == (before, [])
    await judge(begun, NOW + JUDGED_AFTER + 1)
    assert [event["state"] for event in await discards(begun)] == ["raised"]


async def test_backend_that_stops_reporting_is_no_discard(begun: Store) -> None:
    """All sites fall together: nobody reports, no site is accused, and it is over when reports come again."""
    lost = [(site, LOST) for site in (SITE, OTHER, THIRD)]
    good = [(site, GOOD) for site in (SITE, OTHER, THIRD)]
    await play(begun, range(7), *lost)
    assert await standing(begun) == Standing(frozenset(), NOW)
    await play(begun, range(13, 16), *good)
    assert (await standing(begun), await discards(begun)) == (FINE, [])
    await play(begun, range(22, 25), (SITE, LOST), (OTHER, GOOD), (THIRD, GOOD))
    assert [event["state"] for event in await discards(begun)] == ["raised"]


async def test_backend_that_never_reports_is_no_alarm(begun: Store) -> None:
    """Sites none of whose codes were ever reported are not watched."""
    await known(begun, SITE, OTHER, THIRD, at=NOW - MINUTE, share=0.0)
    await play(begun, range(10), (SITE, LOST), (OTHER, LOST))
    assert (await standing(begun), await discards(begun)) == (FINE, [])


async def test_reports_that_stay_away_for_a_week_end_the_watch(begun: Store) -> None:
    """Nobody reports any more: alarms end with their events, and everything is learned anew."""
    await play(begun, range(4), (SITE, LOST), (OTHER, GOOD), (THIRD, GOOD))
    await play(begun, range(10, 17), (OTHER, LOST), (THIRD, LOST))
    assert (await standing(begun)).missing_since is not None
    await judge(begun, NOW + GIVEN_UP + DAY)
    assert await standing(begun) == FINE
    assert [event["state"] for event in await discards(begun)] == ["raised", "cleared"]
    assert await count(begun, "uses") == 0


async def test_codes_of_a_time_without_service_accuse_nobody(begun: Store) -> None:
    """While the service was away nobody could report the use of the codes that it had handed over."""
    await logins(begun, NOW, SITE, LOST * 3)
    await logins(begun, NOW, OTHER, GOOD)
    await judge(begun, NOW + AWAY)
    await judge(begun, NOW + JUDGED_AFTER + AWAY)
    assert await discards(begun) == []
    assert await count(begun, "uses WHERE at >= 1795396542") == 0


@pytest.mark.parametrize(
    ("fates", "expected"),
    [
        ([(0, False), (60, False), (120, False)], (1, 0)),  # asked again and again: the last one counts
        ([(0, False), (60, True)], (1, 1)),
        ([(0, True), (60, False)], (1, 1)),  # the second one was not needed
        ([(0, True), (60, True)], (2, 2)),
        ([(0, False), (301, False)], (1, 0)),  # one customer's trouble is one, but both were judged
        ([(0, True), (301, False)], (2, 1)),
    ],
)
async def test_login_counts_once(begun: Store, fates: list[tuple[float, bool]], expected: tuple[int, int]) -> None:
    """Codes to one address within a life are one login, used when any of them was."""
    for after, used in fates:
        await logins(begun, NOW + after, SITE, [used], to=f"taro@{SITE}")
    for minute in range(13):
        await judge(begun, NOW + minute * MINUTE)
    query = f"SELECT sent - 1000, used - 900 FROM uses WHERE destination = '{SITE}'"
    (found,) = await begun.read(lambda connection: connection.exec_driver_sql(query).all())
    assert tuple(map(round, found)) == expected


async def test_code_that_a_relay_took_counts_for_the_recipients_domain(begun: Store) -> None:
    """A route that names no destination is no obstacle."""
    await logins(begun, NOW, None, GOOD)
    for minute in range(8):
        await judge(begun, NOW + minute * MINUTE)
    assert await count(begun, "uses WHERE destination = 'example.jp' AND sent > 9.9") == 1


async def test_notices_and_undelivered_codes_are_not_judged(begun: Store) -> None:
    """Only codes that a site took can be used."""
    await play(begun, range(1))
    assert await count(begun, "uses") == 3


async def test_more_codes_than_one_step_takes_are_judged_in_parts(begun: Store) -> None:
    """A backlog is worked off step by step; no code is left out or judged twice."""
    await logins(begun, NOW, OTHER, GOOD * 55)
    for minute in range(8):
        await judge(begun, NOW + minute * MINUTE)
    query = f"SELECT sent - 1000 FROM uses WHERE destination = '{OTHER}'"
    (found,) = await begun.read(lambda connection: connection.exec_driver_sql(query).scalars().all())
    assert found == pytest.approx(550, abs=0.1)


async def test_site_without_codes_for_long_is_forgotten_with_its_alarm(begun: Store) -> None:
    """After thirty days without a code a site is a new one, and its alarm ends."""
    await play(begun, range(4), (SITE, LOST), (OTHER, GOOD), (THIRD, GOOD))
    now = NOW + KEEP_DESTINATIONS + DAY
    keep = {"keep_messages": DAY, "keep_events": 90 * DAY, "keep_reports": DAY}
    while await begun.write(lambda tx: retention.prune(tx, now, **keep)):
        pass
    assert [event["state"] for event in await discards(begun)] == ["raised", "cleared"]
    assert await count(begun, "uses") == 0
