"""The event log behind its cursor (CONTRACT 3.6)."""

import pytest

from mailsvc.domain.event import EventType
from mailsvc.domain.outcome import Permanence
from mailsvc.store import Store, events, lifecycle, retention
from mailsvc.store.events import CursorExpired, Page
from tests.support.domain import NOW, attempt
from tests.support.store import accept, accepted, asked, conclude, log_of, no_space, opened

SENT = EventType.MESSAGE_SENT


async def page(store: Store, after: int, *types: EventType, limit: int = 500) -> Page:
    return await store.read(lambda connection: events.page(connection, after, types, limit))


async def prune(store: Store, now: float) -> None:
    while await store.write(lambda tx: retention.prune(tx, now, keep_messages=1e9, keep_events=100, keep_reports=1e9)):
        pass


async def test_empty_log_reads_as_empty_and_stays_at_the_cursor(store: Store) -> None:
    """A new log gives nothing, whatever the cursor, and moves nobody."""
    assert (list((await page(store, 0)).events), (await page(store, 0)).next) == ([], 0)
    assert (await page(store, 7)).next == 7


async def test_cursor_leads_through_the_log_without_gap_or_repeat(store: Store) -> None:
    """Pages of any size give every event once, in order."""
    for number in range(7):
        await accepted(store, challenge=str(number))
    for limit in (1, 2, 3, 7, 8):
        found: list[int] = []
        cursor = 0
        while more := (got := await page(store, cursor, limit=limit)).events:
            found += [event.seq for event in more]
            cursor = got.next
        assert found == list(range(1, 8))
        assert cursor == 7


async def test_next_passes_events_that_the_filter_leaves_out(store: Store) -> None:
    """A reader of few types is not shown the others again, and misses none behind a full page."""
    for number in range(3):
        message = await accepted(store, challenge=str(number))
        await conclude(store, message, attempt(Permanence.DELIVERED))
    await accepted(store, challenge="last")
    assert [(event.type, event.seq) for event in (await page(store, 0, SENT)).events] == [(SENT, n) for n in (2, 4, 6)]
    assert (await page(store, 0, SENT)).next == 7
    assert (await page(store, 0, SENT, limit=2)).next == 4
    assert (await page(store, 4, SENT, limit=2)).next == 7
    assert (await page(store, 0, EventType.MESSAGE_USED)).next == 7


async def test_events_of_a_message_keep_their_order_and_tell_its_state(store: Store) -> None:
    """Each event carries the state of the message right after its change."""
    message = await accepted(store)
    await conclude(store, message, attempt())
    await store.write(lambda tx: lifecycle.cancel(tx, message.id, NOW + 2))
    log = await log_of(store)
    assert [event.data["state"] for event in log] == ["queued", "queued", "cancelled"]
    assert [len(event.data["attempts"]) for event in log] == [0, 1, 1]
    assert log[1].data["next_attempt_at"] is not None
    assert log[2].data["outcome"]["state"] == "cancelled"
    assert len({event.id for event in log}) == 3


async def test_cursor_behind_deleted_events_is_refused_with_the_oldest(store: Store) -> None:
    """A reader whose events are gone is told from where on everything is there."""
    for second in (0, 1, 200, 201):
        await accept(store, asked(accepted_at=NOW + second, challenge=None))
    await prune(store, NOW + 150)
    for after in (0, 1):
        with pytest.raises(CursorExpired) as caught:
            await page(store, after)
        assert caught.value.oldest == 2
    assert [event.seq for event in (await page(store, 2)).events] == [3, 4]


async def test_log_that_was_emptied_still_refuses_old_cursors(store: Store) -> None:
    """Numbers are never given twice: after everything is deleted the log goes on where it was."""
    for _ in range(3):
        await accept(store, asked(challenge=None))
    await prune(store, NOW + 1000)
    with pytest.raises(CursorExpired) as caught:
        await page(store, 2)
    assert caught.value.oldest == 3
    assert (await page(store, 3)).next == 3
    await accept(store, asked(accepted_at=NOW + 1000))
    assert [event.seq for event in (await page(store, 3)).events] == [4]


async def test_nothing_appears_behind_a_cursor_after_failures(store: Store) -> None:
    """Work that fails leaves no number behind that a later event could take."""
    await accept(store)
    cursor = (await page(store, 0)).next

    def fail(tx: object) -> None:
        raise ValueError

    for work in (fail, fail):
        with pytest.raises(ValueError, match=r"^$"):
            await store.write(work)
    with no_space(), pytest.raises(Exception, match="could not commit"):
        await accept(store)
    await accept(store, asked(challenge=None))
    assert [event.seq > cursor for event in (await page(store, cursor)).events] == [True]


async def test_log_keeps_its_name_over_restarts(database_url: str) -> None:
    """The name of the log belongs to the database, and another database has another."""
    async with opened(database_url) as store:
        name = (await page(store, 0)).log
    async with opened(database_url) as store:
        assert (await page(store, 0)).log == name
    async with opened(database_url.replace("mailsvc.db", "other.db")) as store:
        assert (await page(store, 0)).log != name
