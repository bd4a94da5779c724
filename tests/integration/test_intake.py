"""What waits is read and done, whatever else waits with it; what cannot be read is seen in the quarantine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mailsvc.clock import Clock
from mailsvc.domain.address import parse
from mailsvc.domain.mailboxes import Mailboxes
from mailsvc.domain.report import Report, ReportSource, ReportState
from mailsvc.feedback import inbox as inbox_module
from mailsvc.feedback import intake as intake_module
from mailsvc.feedback.inbox import Inbox, InboxFull
from mailsvc.feedback.intake import BATCH, Intake
from mailsvc.store import Store, Transaction, feedback, reports
from tests.support import poison_reader
from tests.support.reports import SENDER_DOMAIN
from tests.support.service import CHECKOUT
from tests.support.store import KEY, count, database_url, no_space, opened, store

__all__ = ["database_url", "store"]

HERE = Mailboxes(sender=parse(f"no-reply@{SENDER_DOMAIN}"), bounce_domain=SENDER_DOMAIN)


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))


@dataclass(slots=True)
class Seen:
    """What operators were shown."""

    looks: list[tuple[int, int, float]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    def observe_reports(self, pending: int, quarantined: int, waiting: float) -> None:
        self.looks.append((pending, quarantined, waiting))

    def count_report(self, kind: str) -> None:
        self.kinds.append(kind)


@dataclass(slots=True)
class Running:
    """An intake at work."""

    intake: Intake
    inbox: Inbox
    seen: Seen
    clock: Clock

    async def take(self, *mails: bytes) -> list[str]:
        return [await self.inbox.take(mail, "postmaster", ReportSource.SMTP) for mail in mails]


@contextlib.asynccontextmanager
async def running(store: Store, command: Sequence[str] = poison_reader.COMMAND) -> AsyncIterator[Running]:
    clock, seen = Clock(), Seen()
    inbox = Inbox(store, clock)
    intake = Intake(store=store, clock=clock, inbox=inbox, mailboxes=HERE, observer=seen, command=command)
    intake.start()
    try:
        yield Running(intake, inbox, seen, clock)
    finally:
        await intake.stop()


async def states(store: Store) -> dict[str, int]:
    found = await store.read(lambda tx: tx.exec_driver_sql("SELECT state, count(*) FROM reports GROUP BY 1").all())
    return {row[0]: row[1] for row in found}


async def settled(store: Store) -> None:
    async with asyncio.timeout(30):
        while "pending" in await states(store):  # noqa: ASYNC110  nobody signals
            await asyncio.sleep(0.02)


async def test_what_comes_in_is_read(store: Store) -> None:
    """Reports are read as they come, and operators see how many of which kind."""
    async with running(store) as work:
        await work.take(*(b"\n%d" % number for number in range(3 * BATCH)))
        await settled(store)
        await work.take(b"\nlast")
        await settled(store)
    assert await states(store) == {"done": 3 * BATCH + 1}
    assert work.seen.kinds == ["bounce"] * (3 * BATCH + 1)
    assert await count(store, "reports WHERE raw IS NOT NULL") == 0


async def test_what_the_last_process_left_is_taken_up(store: Store) -> None:
    """Reports that were kept and not read are read after a start, without anything new coming in."""
    for number in range(5):
        await store.write(
            lambda tx, number=number: reports.add(tx, b"\n%d" % number, None, ReportSource.SMTP, Clock().now())
        )
    async with running(store):
        await settled(store)
    assert await states(store) == {"done": 5}


async def test_poison_goes_to_the_quarantine_and_takes_nobody_with_it(store: Store) -> None:
    """A mail that ends the process of its reading has three tries; the others are read, however they are mixed."""
    poison = [b"die", b"crash", b"fail", b"refuse"]
    mails = [b"\n%d" % number for number in range(2 * BATCH)]
    for at, mail in enumerate(poison):
        mails.insert(7 * at, mail)
    async with running(store) as work:
        ids = dict(zip(mails, await work.take(*mails), strict=True))
        await settled(store)
        found, _ = await store.read(lambda tx: reports.page(tx, ReportState.QUARANTINED, before=None, limit=100))
    assert await states(store) == {"done": 2 * BATCH, "quarantined": len(poison)}
    assert {report.id: (report.tries, report.problem) for report in found} == {
        ids[b"die"]: (3, "it ended the process that read it"),
        ids[b"crash"]: (3, "it ended the process that read it (signal 11)"),
        ids[b"fail"]: (3, "reading it failed: ValueError"),
        ids[b"refuse"]: (1, "it has more than 10 levels"),
    }
    assert work.seen.kinds.count("quarantined") == len(poison)
    assert await count(store, "reports WHERE raw IS NOT NULL") == len(poison)


async def test_report_that_cannot_be_done_goes_to_the_quarantine(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours while a report is done is noted like one of the report, by its kind; others are done."""
    conclude = feedback.conclude

    def faulty(tx: Transaction, report_id: str, report: Report, mailboxes: Mailboxes, now: float) -> None:
        conclude(tx, report_id, report, mailboxes, now)
        if report.envid == "bad":
            raise KeyError("042917")

    monkeypatch.setattr(feedback, "conclude", faulty)
    async with running(store) as work:
        bad, *_ = await work.take(b"\nbad", b"\ngood", b"\nbetter")
        await settled(store)
    report = await store.read(lambda tx: reports.get(tx, bad))
    assert report is not None
    assert (report.state, report.problem) == (ReportState.QUARANTINED, "what it says could not be done: KeyError")
    assert await states(store) == {"done": 2, "quarantined": 1}


async def test_body_whose_key_is_gone_goes_to_the_quarantine(database_url: str) -> None:
    """What cannot be opened any more is said to be so, at once."""
    async with opened(database_url, (KEY,)) as store, running(store, ("/nonexistent",)) as work:
        await work.take(b"\n1")
    async with opened(database_url, (bytes(32),)) as store:
        async with running(store):
            await settled(store)
        (report,), _ = await store.read(lambda tx: reports.page(tx, None, before=None, limit=9))
    assert report.state is ReportState.QUARANTINED
    assert "MAILSVC_SECRET_KEYS" in str(report.problem)


async def test_reports_wait_while_none_can_be_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a process to read them reports keep their tries, and after a minute of waiting that is an alarm."""
    monkeypatch.setattr(intake_module, "INTERVAL", 0.05)
    monkeypatch.setattr(intake_module, "TROUBLE", 0.05)
    async with running(store, ("/nonexistent",)) as work:
        await work.take(b"\n1")
        assert work.intake.problem is None
        work.clock._offset += 90
        async with asyncio.timeout(10):
            while work.intake.problem is None:  # noqa: ASYNC110  nobody signals
                await asyncio.sleep(0.02)
        assert "90 s" in str(work.intake.problem)
        assert work.seen.looks[-1][:2] == (1, 0)
    assert await states(store) == {"pending": 1}
    ((_, tries),) = await store.read(lambda tx: reports.pending(tx, but=(), most=1))
    assert tries == 0
    async with running(store) as work:
        await settled(store)
        assert work.intake.problem is None


async def test_reports_wait_while_the_store_cannot_write(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk nothing is done and no try is counted; when there is space again everything is."""
    monkeypatch.setattr(intake_module, "TROUBLE", 0.05)
    async with running(store) as work:
        await work.take(b"\nfirst")
        await settled(store)
        ids = await work.take(*(b"\n%d" % number for number in range(5)))
        with no_space((tmp_path / "mailsvc.db-wal").stat().st_size):
            await asyncio.sleep(0.5)
            left = await states(store)
        await settled(store)
    assert left.get("pending", 0) + left["done"] == 6
    assert await states(store) == {"done": 6}
    for id_ in ids:
        report = await store.read(lambda tx, id_=id_: reports.get(tx, id_))
        assert report is not None
        assert report.tries == 0


async def test_what_is_under_way_at_a_stop_is_finished_or_read_again(store: Store) -> None:
    """A stop in the middle loses nothing and counts no try."""
    for round_ in range(3):
        async with running(store) as work:
            await work.take(*(b"\n%d.%d" % (round_, number) for number in range(60)))
            await asyncio.sleep(0.02 * round_)
    async with running(store):
        await settled(store)
    assert await states(store) == {"done": 180}
    assert await count(store, "reports WHERE tries > 0") == 0


async def test_what_waits_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound senders are to come again, and may once something has been read."""
    monkeypatch.setattr(inbox_module, "WAITING_MAX", 1000)
    monkeypatch.setattr(intake_module, "INTERVAL", 0.05)
    inbox = Inbox(store, Clock())
    await inbox.take(b"\n" + b"x" * 900, None, ReportSource.SMTP)
    with pytest.raises(InboxFull):
        await inbox.take(b"\n" + b"y" * 200, None, ReportSource.SMTP)
    async with running(store) as work:
        with contextlib.suppress(InboxFull):
            await work.take(b"\n" + b"y" * 900)
        await settled(store)
        await asyncio.sleep(0.2)
        await work.take(b"\n" + b"z" * 900)
