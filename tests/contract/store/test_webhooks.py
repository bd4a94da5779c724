"""What the store keeps for webhook endpoints: a cursor, rows for what was not taken, and the log while it is needed."""

from functools import partial

import pytest

from mailsvc.domain.event import EventType
from mailsvc.store import Store, retention, webhook_replay, webhooks
from mailsvc.store.events import CursorExpired
from mailsvc.store.webhooks import BATCH, REMOVED, Place, Progress, Row
from tests.support.domain import NOW
from tests.support.store import count, log_of
from tests.support.webhooks import happened

DAY = 86400.0
KEY = "k1"
ALL = frozenset(EventType)


async def configured(store: Store, *keys: str, now: float = NOW) -> dict[str, Place]:
    urls = {key: f"https://{key}.example.jp/" for key in keys}
    return await store.write(partial(webhooks.configure, urls=urls, now=now))


def row(seq: int, lane: str = "a", *, next_at: float | None = None, parked: str | None = None, at: float = NOW) -> Row:
    return Row(seq=seq, lane=lane, at=at, tries=1, next_at=next_at, problem="answered 500", parked=parked)


async def record(store: Store, cursor: int, *rows: Row, gone: dict[int, str] | None = None, now: float = NOW) -> None:
    progress = Progress(cursor, rows, gone or {})
    await store.write(partial(webhooks.record, key=KEY, progress=progress, now=now))


async def due(store: Store, until: float | None = None, now: float = NOW) -> tuple[list[int], float | None]:
    """Return the numbers of the rows that are due, and when the first one after ``now`` is."""
    found, later = await store.read(partial(webhooks.due, key=KEY, now=now, until=until, limit=9))
    assert all(row.seq == event.seq for row, event in found)
    return [row.seq for row, _ in found if row.next_at is not None], later


async def backlog(store: Store, key: str = KEY) -> webhook_replay.Backlog:
    return await store.read(partial(webhook_replay.backlog, key=key))


async def prune(store: Store, now: float) -> None:
    kept = {"keep_messages": 90 * DAY, "keep_events": 30 * DAY, "keep_reports": 30 * DAY}
    assert await store.write(partial(retention.prune, now=now, **kept)) is False


async def test_new_endpoint_begins_at_the_end_of_the_log(store: Store) -> None:
    """Its place is the last number given, also when those events are deleted; a known one keeps its own."""
    assert await configured(store, KEY) == {KEY: Place(0, NOW)}
    await happened(store, "a", "b", at=NOW)
    await store.write(lambda tx: tx.connection.exec_driver_sql("DELETE FROM events"))
    assert await configured(store, KEY, "k2", now=NOW + 9) == {KEY: Place(0, NOW), "k2": Place(2, NOW + 9)}


async def test_only_the_first_of_a_lane_is_due(store: Store) -> None:
    """Those behind it have no instant until it is delivered, then the next one has; other lanes have their own."""
    await configured(store, KEY)
    await happened(store, "a", "a", "b", "a", at=NOW)
    await record(store, 4, row(1, next_at=NOW + 5), row(2), row(3, "b", next_at=NOW + 60), row(4))
    assert await due(store, until=NOW) == ([], NOW + 5)
    assert await due(store, until=NOW + 5, now=NOW + 5) == ([1], NOW + 60)
    assert await due(store) == ([1, 3], NOW + 5)
    found, _ = await store.read(partial(webhooks.due, key=KEY, now=NOW, until=NOW + 5, limit=9))
    assert [row.seq for row, _ in found] == [1, 2, 4], "those behind it come with it"
    await record(store, 4, gone={1: "a"}, now=NOW + 6)
    assert await due(store, until=NOW + 6, now=NOW + 6) == ([2], NOW + 60)
    await record(store, 4, row(2, parked="whp_x"), now=NOW + 7)
    assert await due(store, until=NOW + 7, now=NOW + 7) == ([4], NOW + 60)
    left = await backlog(store)
    assert (left.waiting, left.oldest, left.next_at, left.parked) == (2, NOW, NOW + 7, 1)


async def test_event_that_comes_behind_one_that_was_just_delivered_is_due(store: Store) -> None:
    """However the two are recorded, together or one after the other, nothing waits for ever."""
    await configured(store, KEY)
    await happened(store, "a", "a", "a", at=NOW)
    await record(store, 1, row(1, next_at=NOW))
    await record(store, 2, row(2), gone={1: "a"})
    assert await due(store, until=NOW) == ([2], None)
    await record(store, 2, gone={2: "a"})
    await record(store, 3, row(3))
    assert await due(store, until=NOW) == ([3], None)


async def test_row_that_comes_in_front_is_due_before_those_that_were_there(store: Store) -> None:
    """After a crash the log is read again from the cursor: what is sent again first holds up what had failed."""
    await configured(store, KEY)
    await happened(store, "a", "a", "a", at=NOW)
    await record(store, 0, row(2, next_at=NOW + 60), row(3))
    await record(store, 1, row(1), now=NOW + 1)
    found, _ = await store.read(partial(webhooks.due, key=KEY, now=NOW + 1, until=NOW + 1, limit=9))
    assert [row.seq for row, _ in found] == [1, 2, 3]
    assert await due(store) == ([1], NOW + 1)
    await record(store, 1, gone={1: "a"}, now=NOW + 2)
    assert await due(store) == ([2], NOW + 2)


async def test_read_tells_which_lanes_have_a_row_that_waits(store: Store) -> None:
    """A parked event blocks nothing, nor does a row of another endpoint."""
    await configured(store, KEY, "k2")
    await happened(store, "a", "b", "c", "a", "b", "c", at=NOW)
    await record(store, 3, row(1, "a", next_at=NOW), row(2, "b", parked="whp_x"))
    page, blocked = await store.read(partial(webhooks.read, key=KEY, after=3, types=(), limit=9))
    assert ([event.seq for event in page.events], set(blocked)) == ([4, 5, 6], {"a"})
    _, blocked = await store.read(partial(webhooks.read, key="k2", after=0, types=(), limit=9))
    assert not blocked


async def test_what_would_be_tried_later_is_hurried(store: Store) -> None:
    """When an endpoint is back, its rows are due; those behind another one stay there."""
    await configured(store, KEY)
    await happened(store, "a", "a", "b", at=NOW)
    await record(store, 3, row(1, next_at=NOW + 900), row(2), row(3, "b", next_at=NOW + 3600))
    await store.write(partial(webhooks.hurry, key=KEY, now=NOW + 1))
    assert await due(store, until=NOW + 1, now=NOW + 1) == ([1, 3], None)


async def test_what_waited_too_long_is_parked(store: Store) -> None:
    """The time of each row counts, and the next one of its lane is due then."""
    await configured(store, KEY)
    await happened(store, "a", "a", at=NOW)
    await record(store, 2, row(1, next_at=NOW + 900), row(2, at=NOW + 500))
    assert await store.write(partial(webhooks.give_up, key=KEY, before=NOW + 1, now=NOW + 600)) == 1
    assert await due(store, until=NOW + 600, now=NOW + 600) == ([2], None)
    assert (await backlog(store)).parked == 1


async def test_what_waits_for_a_removed_endpoint_is_parked(store: Store) -> None:
    """Nothing is lost with the configuration: it can be sent again when the endpoint is there again."""
    await configured(store, KEY, "k2")
    await happened(store, "a", "a", at=NOW)
    await record(store, 2, row(1, next_at=NOW), row(2))
    await configured(store, "k2")
    found, _ = await store.read(partial(webhook_replay.parked, keys=[KEY], before=None, limit=9))
    assert {one.event.seq for one in found} == {1, 2}
    assert {one.problem for one in found} == {REMOVED}
    assert await configured(store, KEY, "k2") == {KEY: Place(2, NOW), "k2": Place(0, NOW)}


async def test_log_is_kept_while_an_endpoint_waits_for_it(store: Store) -> None:
    """From the first event that an endpoint waits for, the log has no holes; an endpoint that is gone holds nothing."""
    await configured(store, KEY)
    await happened(store, "a", "b", "c", "d", at=NOW)
    await prune(store, NOW + 40 * DAY)
    assert await count(store, "events") == 4
    await record(store, 3, row(2, "b", next_at=NOW), row(1, "a", parked="whp_x"))
    await prune(store, NOW + 40 * DAY)
    assert [event.seq for event in await log_of_from(store, 1)] == [2, 3, 4]
    assert (await backlog(store)).parked == 0, "a parked event goes with the log"
    await record(store, 4, gone={2: "b"})
    await prune(store, NOW + 40 * DAY)
    assert await count(store, "events") == 0
    await happened(store, "e", at=NOW)
    await configured(store, now=NOW)
    await prune(store, NOW + 40 * DAY)
    assert await count(store, "events") == 0


async def log_of_from(store: Store, after: int) -> list[object]:
    page, _ = await store.read(partial(webhooks.read, key=KEY, after=after, types=(), limit=99))
    return list(page.events)


async def test_parked_events_come_in_pages_newest_first(store: Store) -> None:
    """The pages of several endpoints join without gap or repeat."""
    await configured(store, KEY, "k2")
    await happened(store, *(str(number) for number in range(5)), at=NOW)
    for seq in range(1, 6):
        parked = row(seq, str(seq), parked=f"whp_{seq}")
        progress = Progress(5, [parked], {})
        await store.write(partial(webhooks.record, key=KEY if seq % 2 else "k2", progress=progress, now=NOW))
    found: list[str] = []
    cursor = None
    while True:
        page, cursor = await store.read(partial(webhook_replay.parked, keys=[KEY, "k2"], before=cursor, limit=2))
        found += [one.id for one in page]
        if cursor is None:
            break
    assert found == [f"whp_{seq}" for seq in (5, 4, 3, 2, 1)]


async def test_parked_events_are_queued_again_in_batches(store: Store) -> None:
    """One transaction takes so many at most; their tries and their time begin anew, in the order of their lanes."""
    await configured(store, KEY)
    await happened(store, *["a"] * (BATCH + 2), at=NOW)
    await record(store, BATCH + 2, *(row(seq, parked=f"whp_{seq:09}") for seq in range(1, BATCH + 3)))
    again = partial(webhook_replay.requeue, key=KEY, event=None, now=NOW + 9)
    assert [await store.write(again) for _ in range(3)] == [BATCH, 2, 0]
    found, _ = await store.read(partial(webhooks.due, key=KEY, now=NOW + 9, until=NOW + 9, limit=9))
    assert [(one.seq, one.tries, one.at) for one, _ in found] == [(seq, 0, NOW + 9) for seq in range(1, 11)]
    assert [one.next_at for one, _ in found] == [NOW + 9] + [None] * 9


async def test_one_parked_event_is_queued_again_by_its_id(store: Store) -> None:
    """An id that is not parked queues nothing."""
    await configured(store, KEY)
    await happened(store, "a", "b", at=NOW)
    await record(store, 2, row(1, "a", parked="whp_1"), row(2, "b", parked="whp_2"))
    first, second = await log_of(store)
    assert await store.write(partial(webhook_replay.requeue, key=KEY, event=second.id, now=NOW)) == 1
    assert await store.write(partial(webhook_replay.requeue, key=KEY, event=second.id, now=NOW)) == 0
    assert await due(store, until=NOW) == ([2], None)
    assert (await backlog(store)).parked == 1
    assert first.id != second.id


async def test_cursor_is_put_back_and_never_forward(store: Store) -> None:
    """Rows behind the new place are dropped with it, since the log brings them; those before it stay."""
    await configured(store, KEY)
    await happened(store, "a", "b", "c", "d", at=NOW)
    await record(store, 4, row(1, "a", next_at=NOW), row(3, "c", next_at=NOW), row(4, "d", parked="whp_1"))
    back = partial(webhook_replay.rewind, key=KEY, types=ALL, now=NOW + 9)
    assert await store.write(partial(back, after=2)) == (Place(2, NOW + 9), 2)
    assert await due(store, until=NOW) == ([1], None)
    assert (await backlog(store)).parked == 0
    assert await store.write(partial(back, after=3)) == (None, 2)
    await store.write(lambda tx: tx.connection.exec_driver_sql("DELETE FROM events WHERE seq < 3"))
    with pytest.raises(CursorExpired):
        await store.write(partial(back, after=1))
