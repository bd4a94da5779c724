"""The poller against Debian's Dovecot: what is in the mailbox is kept, then deleted; trouble is told and passes."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsvc.domain.report import ReportSource
from mailsvc.domain.secret import Secret
from mailsvc.feedback.imap import Place, Tls
from mailsvc.feedback.mime import SIZE_MAX
from mailsvc.feedback.poller import LATE, LONGEST
from mailsvc.store import Store, reports
from tests.support import imap, smtp
from tests.support.dovecot import ABSENT, PASSWORD, Dovecot, dovecot
from tests.support.imap import Polling, place, polling
from tests.support.reports import SENDER_DOMAIN, dsn, return_path
from tests.support.store import count, database_url, no_space, store

__all__ = ["database_url", "store"]

USER = f"b@{SENDER_DOMAIN}"
TO = return_path("t" * 24)
MAILS = 20


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    """Run one Dovecot for the tests here."""
    if ABSENT:
        pytest.skip(ABSENT)
    with dovecot(smtp.authority(), {USER: 0}) as running:
        yield running


@pytest.fixture(autouse=True)
def _ground(server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    imap.hasten(monkeypatch)
    with server.mailbox(USER) as client:
        client.uid("STORE", "1:*", "+FLAGS.SILENT", r"(\Deleted)")
        client.expunge()


def at(server: Dovecot, tls: Tls = Tls.NONE, *, password: str = PASSWORD, mailbox: str = "INBOX") -> Place:
    port = server.tls_port if tls is Tls.IMPLICIT else server.port
    return place(port, user=USER, password=Secret(password), tls=tls, mailbox=mailbox)


def bounce(number: int, size: int = 0) -> bytes:
    return dsn(TO, about="msg_" + "a" * 28, note=f"{number}\r\n" + "x" * 70 * (size // 70))


async def deliver(server: Dovecot, *numbers: int) -> None:
    for number in numbers:
        await asyncio.to_thread(server.deliver, bounce(number), TO)


async def kept(store: Store) -> int:
    return await count(store, "reports")


async def taken(work: Polling, store: Store, mails: int) -> None:
    """Wait for so many mails to be taken, and a look at the mailbox after that."""
    await work.until(lambda seen: seen.counted["taken"] == mails)
    await asyncio.sleep(0.2)
    assert await kept(store) == mails


@pytest.mark.parametrize("tls", list(Tls))
async def test_mailbox_is_emptied_and_what_comes_later_is_taken(server: Dovecot, store: Store, tls: Tls) -> None:
    """Bounces that wait and bounces that come are kept as they were; the mailbox is empty after that."""
    await deliver(server, *range(MAILS))
    async with polling(store, at(server, tls), smtp.trust()) as work:
        await taken(work, store, MAILS)
        await deliver(server, MAILS)
        await taken(work, store, MAILS + 1)
    assert server.flags(USER) == []
    assert work.problems == []
    found, _ = await store.read(lambda tx: reports.page(tx, None, before=None, limit=100))
    assert {(report.source, report.recipient) for report in found} == {(ReportSource.IMAP, None)}
    mail = await store.read(lambda tx: reports.mail_of(tx, store.cipher, found[0].id))
    assert isinstance(mail, bytes)
    assert mail.endswith(bounce(MAILS))
    assert f"Delivered-To: {TO}\r\n".encode() in mail


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
async def test_password_is_not_told_to_a_server_that_cannot_prove_its_name(
    server: Dovecot, store: Store, tls: Tls
) -> None:
    """A certificate of an authority that nobody trusts ends the session before the login."""
    before = server.log.count("Login: ")
    async with polling(store, at(server, tls), ssl.create_default_context()) as work:
        await work.until(lambda seen: seen.problems)
    assert "certificate verify failed" in work.problems[0].lower()
    assert server.log.count("Login: ") == before


async def test_wrong_password_is_told_and_seldom_tried_again(server: Dovecot, store: Store) -> None:
    """The log says that the login was refused, never the password, and the next try is far away; mails stay."""
    await deliver(server, 1)
    async with polling(store, at(server, password="geheim")) as work:
        await work.until(lambda seen: seen.problems)
        assert work.poller.problem is None
        work.clock._offset += LATE + 1
        assert "LOGIN was refused with [AUTHENTICATIONFAILED]" in str(work.poller.problem)
    (line,) = work.lines
    assert (line["event"], line["again"], line["log_level"]) == ("imap.failed", LONGEST, "warning")
    assert "geheim" not in str(line)
    assert work.counted == {"failed": 1}
    assert len(server.flags(USER)) == 1


async def test_mailbox_that_is_not_there_is_told(server: Dovecot, store: Store) -> None:
    """A wrong name is said to be one, in the server's words."""
    async with polling(store, at(server, mailbox="Bounces")) as work:
        await work.until(lambda seen: len(seen.problems) > 1)
    assert work.problems[0].startswith("SELECT: NO Mailbox doesn't exist: Bounces")


async def test_mail_that_is_too_large_is_left_with_a_flag(server: Dovecot, store: Store) -> None:
    """A mail of more than 1 MiB is flagged once and stays; those before and behind it are taken."""
    await deliver(server, 1)
    await asyncio.to_thread(server.deliver, bounce(2, SIZE_MAX), TO)
    await deliver(server, 3)
    async with polling(store, at(server)) as work:
        await taken(work, store, 2)
    assert work.counted == {"taken": 2, "left": 1}
    assert [line["event"] for line in work.lines] == ["imap.left"]
    (left,) = server.flags(USER)
    assert b"\\Flagged" in left


async def test_poller_survives_a_restart_of_the_server(server: Dovecot, store: Store) -> None:
    """While the server is away that is told, and late after a minute; then everything is taken."""
    async with polling(store, at(server)) as work:
        await deliver(server, 1)
        await taken(work, store, 1)
        await asyncio.to_thread(server.stop)
        try:
            await work.until(lambda seen: len(seen.problems) > 2)
            work.clock._offset += LATE + 1
            assert "could not be emptied for 6" in str(work.poller.problem)
            await work.until(lambda seen: seen.behind > LATE)
            assert [line["log_level"] for line in work.lines][-1] == "error"
        finally:
            await asyncio.to_thread(server.start)
        await deliver(server, 2)
        await taken(work, store, 2)
        assert work.poller.problem is None
        assert work.behind == 0
    assert work.lines[-1]["event"] == "imap.recovered"


async def test_mails_stay_while_the_store_cannot_write(server: Dovecot, store: Store, tmp_path: Path) -> None:
    """On a full disk nothing is deleted in the mailbox; when there is space again everything is taken."""
    await deliver(server, *range(5))
    with no_space((tmp_path / "mailsvc.db-wal").stat().st_size):
        async with polling(store, at(server)) as work:
            await work.until(lambda seen: seen.problems)
    assert len(server.flags(USER)) == 5
    async with polling(store, at(server)) as work:
        await taken(work, store, 5)
