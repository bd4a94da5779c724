"""What an open port must stand: silence, crowds, a store that cannot write, a stop in the middle of a mail."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from socket import create_server

import pytest

from mailsvc.clock import Clock
from mailsvc.domain.address import parse
from mailsvc.domain.mailboxes import Mailboxes
from mailsvc.feedback import connections, inbox, receiver, session
from mailsvc.feedback.inbox import Inbox
from mailsvc.feedback.receiver import Receiver
from mailsvc.store import Store, reports
from tests.support.receiver import Caller, calling
from tests.support.reports import SENDER_DOMAIN, return_path
from tests.support.store import accepted, count, database_url, held, no_space, store

__all__ = ["database_url", "store"]

HERE = Mailboxes(sender=parse(f"no-reply@{SENDER_DOMAIN}"), bounce_domain=SENDER_DOMAIN)
MAIL = b"Subject: hello\r\n\r\nHello.\r\n"


@dataclass(slots=True)
class Listening:
    """A receiver at work."""

    port: int
    receiver: Receiver
    stopped: asyncio.Task[None] | None = None


@contextlib.asynccontextmanager
async def listening(store: Store) -> AsyncIterator[Listening]:
    listener = create_server(("127.0.0.1", 0))
    work = Receiver(store=store, inbox=Inbox(store, Clock()), mailboxes=HERE, hostname="mx.receiver.test", tls=None)
    await work.start(listener)
    running = Listening(listener.getsockname()[1], work)
    try:
        yield running
    finally:
        await (running.stopped or work.stop())


async def until_gone(caller: Caller) -> str:
    """Return what is said until the connection ends."""
    said = []
    while reply := await caller.hear():
        said.append(reply)
    return said[-1] if said else ""


async def test_silent_peer_is_sent_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who says nothing is told so and left, before EHLO, after it, and in the middle of a mail."""
    monkeypatch.setattr(session, "IDLE", 0.3)
    async with listening(store) as running:
        async with calling(running.port, greet=False) as caller:
            assert (await caller.hear()).startswith("220")
            assert (await until_gone(caller)).startswith("421 4.4.2")
        async with calling(running.port) as caller:
            await caller.say("MAIL FROM:<>", "RCPT TO:<postmaster>", "DATA")
            caller.writer.write(b"Subject: x\r\n")
            assert (await until_gone(caller)).startswith("421 4.4.2")
    assert await count(store, "reports") == 0


async def test_dripping_peer_is_sent_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends octet by octet is never silent, and is cut off all the same."""
    monkeypatch.setattr(session, "IDLE", 0.3)
    monkeypatch.setattr(session, "SESSION_MAX", 1.0)

    async def drip(caller: Caller) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                caller.writer.write(b"x")
                await caller.writer.drain()
                await asyncio.sleep(0.05)

    async with listening(store) as running, calling(running.port) as caller:
        await caller.say("MAIL FROM:<>", "RCPT TO:<postmaster>", "DATA")
        dripping = asyncio.create_task(drip(caller))
        assert (await until_gone(caller)).startswith("421 4.4.2")
        dripping.cancel()


async def test_long_session_takes_no_further_mail(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that lasts has its mails until it has lasted long enough; then it is told to come again."""
    monkeypatch.setattr(session, "SESSION", 0.5)
    async with listening(store) as running, calling(running.port) as caller:
        assert (await caller.mail(MAIL, "postmaster")).startswith("250")
        await asyncio.sleep(0.6)
        assert (await caller.say("MAIL FROM:<>")).startswith("421 4.4.2")
        assert await caller.hear() == ""


async def test_address_has_so_many_connections(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One address is refused beyond its share, others are served, and it is served when one of its own is closed."""
    monkeypatch.setattr(connections, "PER_ADDRESS", 3)
    async with listening(store) as running, contextlib.AsyncExitStack() as stack:
        first, *_ = [await stack.enter_async_context(calling(running.port)) for _ in range(3)]
        async with calling(running.port, greet=False) as refused:
            assert (await refused.hear()).startswith("421 4.7.0")
            assert await refused.hear() == ""
        async with calling(running.port, source="127.0.0.2") as other:
            assert (await other.mail(MAIL, "postmaster")).startswith("250")
        assert (await first.say("QUIT")).startswith("221")
        async with calling(running.port) as again:
            assert (await again.say("NOOP")).startswith("250")


async def test_crowd_never_keeps_a_report_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """When all places are taken, whoever took longest for nothing makes room; who has brought a mail goes last."""
    monkeypatch.setattr(connections, "IN_ALL", 4)
    async with listening(store) as running, contextlib.AsyncExitStack() as stack:
        useful, first, second, *_ = [await stack.enter_async_context(calling(running.port)) for _ in range(4)]
        assert (await useful.mail(MAIL, "postmaster")).startswith("250")
        await second.say("MAIL FROM:<>", "RCPT TO:<postmaster>", "DATA")
        for gone in (first, second):
            newest = await stack.enter_async_context(calling(running.port))
            assert (await newest.mail(MAIL + str(id(gone)).encode() + b"\r\n", "postmaster")).startswith("250")
            assert (await until_gone(gone)).startswith("421 4.7.0")
        assert (await useful.say("NOOP")).startswith("250")
        assert len(running.receiver._sessions) == 4


async def test_many_drips_leave_the_service_in_reach(store: Store) -> None:
    """Five hundred connections that do nothing, from many addresses: a real report has its 250 at once."""
    async with listening(store) as running, contextlib.AsyncExitStack() as stack:
        for number in range(500):
            source = f"127.0.1.{number // 25}"
            await stack.enter_async_context(calling(running.port, greet=False, source=source))
        async with asyncio.timeout(5):
            async with calling(running.port) as caller:
                assert (await caller.mail(MAIL, "postmaster")).startswith("250")
        assert len(running.receiver._sessions) <= connections.IN_ALL
    assert await count(store, "reports") == 1


async def test_full_disk_is_told_as_temporary(store: Store, tmp_path: Path) -> None:
    """While nothing can be kept the dot is answered 4yz, in the same session again 250 when there is space."""
    async with listening(store) as running, calling(running.port) as caller:
        assert (await caller.mail(MAIL + b"1\r\n", "postmaster")).startswith("250")
        with no_space((tmp_path / "mailsvc.db-wal").stat().st_size):
            assert (await caller.mail(MAIL + b"2\r\n", "postmaster")).startswith("451 4.3.0")
        assert await count(store, "reports") == 1
        assert (await caller.mail(MAIL + b"2\r\n", "postmaster")).startswith("250")
    assert await count(store, "reports") == 2


async def test_full_inbox_is_told_as_temporary(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """When too much waits to be read the sender is to come again."""
    monkeypatch.setattr(inbox, "WAITING_MAX", 10)
    async with listening(store) as running, calling(running.port) as caller:
        assert (await caller.mail(MAIL, "postmaster")).startswith("452 4.3.1")


async def test_fault_of_ours_is_told_as_temporary(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong inside, the peer hears 451 and no more, and may go on."""

    def fail(*_: object, **__: object) -> str:
        raise RuntimeError("words of the mail")

    monkeypatch.setattr(reports, "add", fail)
    async with listening(store) as running, calling(running.port) as caller:
        reply = await caller.mail(MAIL, "postmaster")
        assert reply.startswith("451 4.3.0")
        assert "words" not in reply
        assert "Error" not in reply
        assert (await caller.say("NOOP")).startswith("250")


async def test_tag_cannot_be_looked_up_while_the_store_is_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A return path that cannot be checked is neither taken nor refused for good."""
    message = await accepted(store)
    async with listening(store) as running, calling(running.port) as caller:
        await caller.say("MAIL FROM:<>")
        monkeypatch.setattr(store._engine, "connect", lambda: (_ for _ in ()).throw(OSError("gone")))
        assert (await caller.say(f"RCPT TO:<{return_path(message.tag)}>")).startswith("451 4.3.0")
        assert (await caller.say("RCPT TO:<nobody@example.jp>")).startswith("550")


async def test_answer_comes_after_the_commit(store: Store) -> None:
    """While the writer is held no dot is answered 250."""
    async with listening(store) as running, calling(running.port) as caller:
        await caller.say("MAIL FROM:<>", "RCPT TO:<postmaster>", "DATA")
        async with held(store):
            caller.writer.write(MAIL + b".\r\n")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await caller.reader.readline()
            assert await count(store, "reports") == 0
        assert (await caller.hear()).startswith("250")
    assert await count(store, "reports") == 1


async def test_mail_under_way_is_taken_at_a_stop(store: Store) -> None:
    """A stop lets a mail that has begun come to its end, and sends the others away."""
    async with listening(store) as running, calling(running.port) as busy, calling(running.port) as idle:
        await busy.say("MAIL FROM:<>", "RCPT TO:<postmaster>", "DATA")
        running.stopped = asyncio.create_task(running.receiver.stop())
        assert (await idle.hear()).startswith("421 4.3.2")
        with pytest.raises(OSError, match=r"Connect|refused|reset"):
            async with calling(running.port):
                pass
        assert (await busy.say(MAIL + b".\r\n")).startswith("250")
        assert (await until_gone(busy)).startswith("421 4.3.2")
        async with asyncio.timeout(2):
            await running.stopped
    assert await count(store, "reports") == 1


async def test_stop_does_not_wait_for_ever(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail that never ends does not hold up a stop."""
    monkeypatch.setattr(receiver, "DRAIN", 0.2)
    async with listening(store) as running, calling(running.port) as busy:
        await busy.say("MAIL FROM:<>", "RCPT TO:<postmaster>", "DATA")
        async with asyncio.timeout(2):
            await running.receiver.stop()
        assert (await until_gone(busy)).startswith("421 4.3.2")
    assert await store.read(lambda tx: reports.pending(tx, but=(), most=1)) == []
