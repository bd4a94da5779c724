"""Reports at rest: taken once, in their order, encrypted, wiped when read, bounded where they cannot be."""

import sqlite3
from functools import partial
from pathlib import Path

import pytest

from mailsvc.domain.report import Kind, ReportSource, ReportState
from mailsvc.store import Cipher, CipherError, Store, StoreUnavailable, reports, retention
from mailsvc.store.reports import QUARANTINE_MAX, REPEATED, TRIES
from tests.support.domain import NOW
from tests.support.reports import keep
from tests.support.store import KEY, count, no_space, on_disk, opened, together

DAY = 86400.0
RAW = b"Subject: returned\r\n\r\nThe code was 042917 and other words\r\n" * 20


async def waiting(store: Store, but: frozenset[str] = frozenset(), most: int = 100) -> list[str]:
    return [id_ for id_, _ in await store.read(partial(reports.pending, but=but, most=most))]


async def finish(store: Store, report_id: str) -> None:
    await store.write(lambda tx: reports.finish(tx, report_id, Kind.OTHER, message=None, problem=None))


async def fail(store: Store, report_id: str, *, final: bool = False) -> ReportState:
    return await store.write(lambda tx: reports.fail(tx, report_id, "it was too deep", final=final))


async def stored(store: Store, report_id: str) -> reports.StoredReport:
    found = await store.read(partial(reports.get, report_id=report_id))
    assert found is not None
    return found


async def mail_of(store: Store, report_id: str) -> bytes | CipherError:
    return await store.read(partial(reports.mail_of, cipher=store.cipher, report_id=report_id))


async def test_report_is_kept_as_it_came(store: Store) -> None:
    """The body comes out as it went in, with when, how and where it came in."""
    report_id = await keep(store, RAW, "b+x@mail.example.jp", source=ReportSource.HTTP)
    assert await mail_of(store, report_id) == RAW
    assert await stored(store, report_id) == reports.StoredReport(
        id=report_id,
        received_at=NOW,
        source=ReportSource.HTTP,
        recipient="b+x@mail.example.jp",
        state=ReportState.PENDING,
        tries=0,
    )


async def test_repeat_within_a_day_is_the_same_report(store: Store) -> None:
    """A sender that saw no 250 comes again: the first report counts, read or not; case makes no other recipient."""
    first = await keep(store, RAW, "b+x@mail.example.jp")
    assert await keep(store, RAW, "B+X@mail.example.jp", at=NOW + 10, source=ReportSource.HTTP) == first
    await finish(store, first)
    assert await keep(store, RAW, "b+x@mail.example.jp", at=NOW + REPEATED - 1) == first
    others = [
        await keep(store, RAW, "b+y@mail.example.jp", at=NOW + 20),
        await keep(store, RAW, None, at=NOW + 20),
        await keep(store, RAW + b"x", "b+x@mail.example.jp", at=NOW + 20),
        await keep(store, RAW, "b+x@mail.example.jp", at=NOW + REPEATED + 1),
    ]
    assert len({first, *others}) == 5


async def test_repeats_at_the_same_time_are_one_report(store: Store) -> None:
    """Two connections that bring the same report share one row."""
    work = partial(reports.add, raw=RAW, recipient="x", source=ReportSource.SMTP, now=NOW)
    ids = await together(store, work, work, work)
    assert len(set(ids)) == 1
    assert await count(store, "reports") == 1


async def test_reports_wait_in_their_order(store: Store) -> None:
    """The oldest comes first, without those that are taken and those that are done."""
    ids = [await keep(store, b"%d" % number, at=NOW + number) for number in range(6)]
    assert await waiting(store) == ids
    await finish(store, ids[1])
    assert await waiting(store, frozenset({ids[0], ids[3]}), most=2) == [ids[2], ids[4]]


async def test_body_is_deleted_when_the_report_is_read(store: Store, tmp_path: Path) -> None:
    """What was read has no body any more, not even encrypted in the file; while it waits none is there in clear."""
    raw = [RAW + b"%d" % number for number in range(100)]
    ids = [await keep(store, one) for one in raw]
    sealed = await store.read(lambda tx: tx.exec_driver_sql("SELECT raw FROM reports").scalars().all())
    assert b"042917" not in on_disk(tmp_path)
    assert all(len(one) < len(RAW) / 2 for one in sealed)
    for report_id in ids:
        await finish(store, report_id)
    assert isinstance(await mail_of(store, ids[0]), CipherError)
    await store.checkpoint()
    with sqlite3.connect(tmp_path / "mailsvc.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    left = on_disk(tmp_path)
    assert [one for one in sealed if one[16:] in left] == []


async def test_body_opens_in_its_own_row_only(store: Store) -> None:
    """A body that was moved to another row, or whose key is gone, does not open, and the error hides it."""
    first, second = await keep(store, RAW), await keep(store, RAW + b"x")
    await store.write(
        lambda tx: tx.connection.exec_driver_sql(
            f"UPDATE reports SET raw = (SELECT raw FROM reports WHERE id = '{first}') WHERE id = '{second}'"
        )
    )
    moved = await mail_of(store, second)
    other = await store.read(partial(reports.mail_of, cipher=Cipher([bytes(32)]), report_id=first))
    for error, named in ((moved, second), (other, "MAILSVC_SECRET_KEYS")):
        assert isinstance(error, CipherError)
        assert named in str(error)
        assert "042917" not in str(error)


async def test_report_that_cannot_be_read_goes_to_the_quarantine(store: Store) -> None:
    """After so many tries, or at once where another would end likewise, it waits no more and keeps its body."""
    poison, refused = await keep(store, RAW), await keep(store, RAW + b"x")
    assert [await fail(store, poison) for _ in range(TRIES)] == [ReportState.PENDING] * (TRIES - 1) + [
        ReportState.QUARANTINED
    ]
    assert await fail(store, refused, final=True) is ReportState.QUARANTINED
    assert await waiting(store) == []
    found = await stored(store, poison)
    assert (found.state, found.tries, found.problem) == (ReportState.QUARANTINED, TRIES, "it was too deep")
    assert await mail_of(store, poison) == RAW
    assert await store.read(reports.backlog) == reports.Backlog(pending=0, oldest=None, quarantined=2)


async def test_quarantined_report_is_tried_again_on_request(store: Store) -> None:
    """Only a report in quarantine waits again, with all its tries; what is done stays done."""
    poison, done = await keep(store, RAW), await keep(store, RAW + b"x")
    await fail(store, poison, final=True)
    await finish(store, done)
    for report_id, state in ((poison, ReportState.PENDING), (done, ReportState.DONE)):
        found = await store.write(partial(reports.retry, report_id=report_id))
        assert found is not None
        assert (found.state, found.tries) == (state, 0)
    assert await store.write(partial(reports.retry, report_id="rep_x")) is None
    assert await waiting(store) == [poison]


async def test_failure_of_a_report_that_is_done_changes_nothing(store: Store) -> None:
    """Whoever comes too late is told so."""
    report_id = await keep(store)
    await finish(store, report_id)
    assert await fail(store, report_id) is ReportState.DONE
    assert await fail(store, "rep_x") is ReportState.DONE
    assert (await stored(store, report_id)).problem is None


async def test_quarantine_is_bounded(store: Store) -> None:
    """Anybody may send what cannot be read: of too many the oldest are deleted, others are not."""
    rows = [f"('rep_{number:05}', {NOW}, 'smtp', '{number}', 'quarantined', 3)" for number in range(QUARANTINE_MAX)]
    insert = f"INSERT INTO reports (id, received_at, source, digest, state, tries) VALUES {','.join(rows)}"
    await store.write(lambda tx: tx.connection.exec_driver_sql(insert))
    waits = await keep(store, b"waits")
    for number in range(2):
        await fail(store, await keep(store, b"%d" % number), final=True)
    assert await count(store, "reports WHERE state = 'quarantined'") == QUARANTINE_MAX
    assert await store.read(partial(reports.get, report_id="rep_00001")) is None
    assert await store.read(partial(reports.get, report_id="rep_00002")) is not None
    assert await waiting(store) == [waits]


async def test_reports_are_listed_in_pages(store: Store) -> None:
    """Newest first, of one state or of all, with a cursor until the end."""
    ids = [await keep(store, b"%d" % number, at=NOW + number) for number in range(5)]
    await finish(store, ids[2])
    page = partial(reports.page, limit=2)
    seen: list[str] = []
    cursor = None
    while True:
        found, cursor = await store.read(partial(page, state=ReportState.PENDING, before=cursor))
        seen += [report.id for report in found]
        if cursor is None:
            break
    assert seen == [ids[4], ids[3], ids[1], ids[0]]
    found, cursor = await store.read(partial(page, state=None, before=ids[3]))
    assert ([report.id for report in found], cursor) == ([ids[2], ids[1]], ids[1])


async def test_backlog_tells_how_much_waits_and_since_when(store: Store) -> None:
    """The figures of the metrics."""
    assert await store.read(reports.backlog) == reports.Backlog(pending=0, oldest=None, quarantined=0)
    assert await store.read(reports.pending_octets) == 0
    done = await keep(store, b"done", at=NOW - 1)
    await keep(store, RAW)
    await keep(store, b"later", at=NOW + 5)
    await finish(store, done)
    assert await store.read(reports.backlog) == reports.Backlog(pending=2, oldest=NOW, quarantined=0)
    assert 50 < await store.read(reports.pending_octets) < len(RAW)


async def test_old_reports_are_deleted_unless_they_wait(store: Store) -> None:
    """What is done or in quarantine goes after its time; what was never read stays, however old."""
    done, poison, waits = [await keep(store, b"%d" % number, at=NOW + number) for number in range(3)]
    await finish(store, done)
    await fail(store, poison, final=True)
    prune = partial(retention.prune, keep_messages=9 * DAY, keep_events=9 * DAY, keep_reports=30 * DAY)
    for after, left in ((30 * DAY - 1, 3), (30 * DAY + 0.5, 2), (30 * DAY + 60, 1)):
        await store.write(partial(prune, now=NOW + after))
        assert await count(store, "reports") == left
    assert await waiting(store) == [waits]


async def test_report_is_not_taken_on_a_full_disk(store: Store, tmp_path: Path) -> None:
    """What does not fit is refused, nothing of it is kept, and it is taken when space returns."""
    await keep(store, b"first")
    with no_space((tmp_path / "mailsvc.db-wal").stat().st_size), pytest.raises(StoreUnavailable):
        await keep(store, RAW)
    assert await count(store, "reports") == 1
    await keep(store, RAW)


async def test_reports_outlive_the_process(database_url: str) -> None:
    """What waited waits after a restart."""
    async with opened(database_url, (KEY,)) as store:
        report_id = await keep(store, RAW)
    async with opened(database_url, (bytes(32), KEY)) as store:
        assert await waiting(store) == [report_id]
        assert await mail_of(store, report_id) == RAW
