"""What is deleted when it is old, and what is not."""

from mailsvc.domain.outcome import Permanence
from mailsvc.store import Store, retention
from mailsvc.store.idempotency import KEPT, Claim
from mailsvc.store.retention import BATCH
from tests.support.domain import NOW, attempt
from tests.support.store import accept, asked, conclude, count, current

DAY = 86400.0
TABLES = ("messages", "attempts", "events", "challenges", "idempotency")


async def ended(store: Store, at: float, name: str) -> None:
    done = await accept(store, asked(accepted_at=at, challenge=name), claim=Claim("key_1", name, b""))
    assert done.message is not None
    await conclude(store, done.message, attempt(Permanence.DELIVERED), now=at + 1)


async def prune(store: Store, now: float, keep: float = 90 * DAY) -> bool:
    kept = {"keep_messages": keep, "keep_events": 30 * DAY, "keep_reports": DAY}
    return await store.write(lambda tx: retention.prune(tx, now, **kept))


async def counts(store: Store) -> list[int]:
    return [await count(store, table) for table in TABLES]


async def test_each_kind_is_kept_for_its_time(store: Store) -> None:
    """Idempotency keys go after a day, events after theirs, messages with attempts and challenges after theirs."""
    await ended(store, NOW, "old")
    await ended(store, NOW + 10, "young")
    assert await counts(store) == [2, 2, 4, 2, 2]
    for after, left in (
        (KEPT - 1, [2, 2, 4, 2, 2]),
        (KEPT + 5, [2, 2, 4, 2, 1]),
        (30 * DAY + 5, [2, 2, 2, 2, 0]),
        (90 * DAY - 1, [2, 2, 0, 2, 0]),
        (90 * DAY + 5, [1, 1, 0, 1, 0]),
        (90 * DAY + 15, [0, 0, 0, 0, 0]),
    ):
        assert await prune(store, NOW + after) is False
        assert await counts(store) == left, after


async def test_queued_message_is_never_deleted(store: Store) -> None:
    """A message that has not ended stays, however old."""
    done = await accept(store)
    assert done.message is not None
    await prune(store, NOW + 1000 * DAY)
    assert await current(store, done.message)


async def test_tag_of_an_address_outlives_its_messages(store: Store) -> None:
    """The envelope sender stays stable for greylists after the messages are gone."""
    await ended(store, NOW, "old")
    await prune(store, NOW + 1000 * DAY)
    assert await count(store, "addresses") == 1


async def test_much_is_deleted_in_batches(store: Store) -> None:
    """One transaction deletes a batch and says that there is more."""
    rows = [f"('evt_{number}', 'message.accepted', {NOW}, '{{}}')" for number in range(BATCH + 1)]
    insert = f"INSERT INTO events (id, type, at, data) VALUES {','.join(rows)}"
    await store.write(lambda tx: tx.connection.exec_driver_sql(insert))
    assert await prune(store, NOW + 31 * DAY) is True
    assert await count(store, "events") == 1
    assert await prune(store, NOW + 31 * DAY) is False
    assert await count(store, "events") == 0
