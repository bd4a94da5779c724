"""The poller against servers that hang, lie and cut: nothing is lost, and the next good session takes everything."""

import asyncio
import contextlib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailsvc.domain.secret import Secret
from mailsvc.feedback import imap as imap_module
from mailsvc.feedback import poller as poller_module
from mailsvc.feedback.imap import ImapError, Session, Tls
from mailsvc.feedback.inbox import InboxFull
from mailsvc.store import Store, reports
from tests.support import imap, smtp
from tests.support.imap import place, polling
from tests.support.imap_peer import SILENCE, ImapPeer, Script, Then
from tests.support.store import count, database_url, store

__all__ = ["database_url", "store"]

MAILS = {1: b"Subject: one\r\n\r\n1\r\n", 2: b"Subject: two\r\n\r\n2\r\n", 3: b"Subject: three\r\n\r\n3\r\n"}


@pytest.fixture(autouse=True)
def _hasten(monkeypatch: pytest.MonkeyPatch) -> None:
    imap.hasten(monkeypatch)
    monkeypatch.setattr(imap_module, "CONNECT", 1.0)
    monkeypatch.setattr(imap_module, "COMMAND", 1.0)
    monkeypatch.setattr(imap_module, "ANSWER", 100_000)
    monkeypatch.setattr(poller_module, "LONGEST", 0.1)


TROUBLE: list[tuple[Script, str]] = [
    ({"greeting": SILENCE}, "connect: no whole answer came in time"),
    ({"greeting": Then.CUT}, "connect: the connection was closed"),
    ({"greeting": b"* BYE too busy\r\n"}, "connect: the server does not greet"),
    ({"greeting": b"* PREAUTH welcome\r\n"}, "connect: the server does not greet"),
    ({"greeting": b"220 mx.example.jp ESMTP\r\n"}, "connect: the server does not greet"),
    ({"greeting": b"\xff" * 100_000}, "connect: no whole answer came in time"),
    ({"greeting": b"* OK " + b"x" * 9_000_000}, "connect: the server sends a line of more than"),
    ({"LOGIN": SILENCE}, "LOGIN: no whole answer came in time"),
    ({"LOGIN": b"TAG BA"}, "LOGIN: no whole answer came in time"),
    ({"SELECT": b"* BYE shutting down\r\n"}, "SELECT: the server ends the session"),
    ({"SELECT": b"TAG OK [READ-ONLY] selected\r\n"}, "SELECT: the mailbox can only be read"),
    ({"SELECT": b"+ go on\r\n"}, "SELECT: what the server answers is no IMAP"),
    ({"EXPUNGE": b"TAG NO [NOPERM] not yours\r\n"}, "EXPUNGE: NO [NOPERM] not yours"),
    ({"UID SEARCH": Then.ENDLESS}, "the server answers one command with more than"),
    ({"UID SEARCH": Then.CUT}, "UID SEARCH: the connection was closed"),
    ({"UID FETCH": b"* 1 FETCH (UID 1 BODY[]<0> {4294967295}\r\n"}, "the server answers one command with more than"),
    ({"UID FETCH": b"* 1 FETCH (UID 1 BODY[]<0> {100}\r\nSubject: on"}, "UID FETCH: no whole answer came in time"),
    ({"UID FETCH": Then.CUT}, "UID FETCH: the connection was closed"),
    ({"UID FETCH": b"* 1 FETCH (UID 1 BODY[]<0> NIL)\r\nTAG OK\r\n"}, "UID FETCH: the server gives a mail without"),
    ({"UID FETCH": b"TAG NO [SERVERBUG] cannot\r\n"}, "UID FETCH: NO [SERVERBUG] cannot"),
    ({"UID STORE": Then.CUT}, "UID STORE: the connection was closed"),
    ({"UID STORE": b"TAG NO [LIMIT] not now\r\n"}, "UID STORE: NO [LIMIT] not now"),
]


async def test_sessions_that_go_wrong_are_told_and_a_good_one_takes_everything(store: Store) -> None:
    """Whatever a server does, the log says at which command; each mail is kept once, and deleted then."""
    scripts = [script for script, _ in TROUBLE]
    async with ImapPeer(mails=dict(MAILS), scripts=scripts) as peer, polling(store, place(peer.port)) as work:
        await work.until(lambda _: not peer.mails, within=30)
        await work.until(lambda seen: seen.behind == 0)
    wanted = [problem for _, problem in TROUBLE]
    assert [told[: len(problem)] for told, problem in zip(work.problems, wanted, strict=True)] == wanted
    assert await count(store, "reports") == len(MAILS)


async def test_mail_that_cannot_be_fetched_is_in_nobodys_way(store: Store) -> None:
    """Where the fetch of one mail cuts every session the others are taken; it is tried on and on, and stays."""
    cut: Script = {"UID FETCH": Then.CUT}

    class Peer(ImapPeer):
        def _answer(self, command: str) -> bytes:
            if command.startswith("UID FETCH 1 "):
                raise ConnectionError
            return super()._answer(command)

    async with Peer(mails=dict(MAILS), scripts=[cut]) as peer, polling(store, place(peer.port)) as work:
        await work.until(lambda seen: len(seen.problems) > 3)
    assert list(peer.mails) == [1]
    assert work.counted["taken"] == 2
    pauses = [line["again"] for line in work.lines if line["event"] == "imap.failed"]
    assert pauses[-1] > pauses[-2] > pauses[-3]


async def test_numbers_of_another_validity_are_other_mails(store: Store) -> None:
    """A mail is not put last because of what happened to its number before UIDVALIDITY changed."""
    async with ImapPeer(mails=dict(MAILS), scripts=[{"UID FETCH": Then.CUT}]) as peer:
        peer.validity = 7
        async with polling(store, place(peer.port)) as work:
            await work.until(lambda _: "UID FETCH" in str(peer.lines))
            peer.validity = 8
            await work.until(lambda _: not peer.mails)
    fetched = [line.split()[2] for line in peer.lines if line.startswith("UID FETCH")]
    assert fetched == ["1", "1", "2", "3"]


async def test_what_a_crash_left_marked_is_removed_and_not_taken_again(store: Store) -> None:
    r"""Mails with \Deleted were taken before: the next session removes them, and fetches the others."""
    async with ImapPeer(mails=dict(MAILS), deleted={1}) as peer, polling(store, place(peer.port)) as work:
        await work.until(lambda _: not peer.mails)
    assert work.counted == {"taken": 2}
    assert "UID FETCH 1" not in str(peer.lines)


async def test_mail_in_other_forms_of_an_answer_is_the_same(store: Store) -> None:
    """A body may come as a quoted string, among answers that nobody asked for; a mail that is gone is passed over."""
    answer = b'* 9 EXISTS\r\n* 2 FETCH (FLAGS ())\r\n* 1 FETCH (BODY[]<0> "a \\"mail\\"" UID 1)\r\nTAG OK done\r\n'
    scripts: list[Script] = [{"UID FETCH": answer}]
    async with ImapPeer(mails=dict(MAILS), scripts=scripts) as peer, polling(store, place(peer.port)) as work:
        await work.until(lambda seen: seen.counted["taken"])
        (report,), _ = await store.read(lambda tx: reports.page(tx, None, before=None, limit=9))
        await asyncio.sleep(0.1)
    assert await store.read(lambda tx: reports.mail_of(tx, store.cipher, report.id)) == b'a "mail"'
    assert sorted(peer.mails) == [2, 3]
    assert work.problems == []


@pytest.mark.parametrize("answer", [b"TAG NO no TLS here\r\n", SILENCE, b"TAG OK but here is none\r\n"])
async def test_password_is_never_told_in_clear_where_tls_is_asked_for(store: Store, answer: bytes) -> None:
    """Without TLS behind STARTTLS the session ends before the login."""
    scripts: list[Script] = [{"STARTTLS": answer}] * 100
    where = ImapPeer(mails=dict(MAILS), scripts=scripts)
    async with where as peer, polling(store, place(peer.port, tls=Tls.STARTTLS)) as work:
        await work.until(lambda seen: len(seen.problems) > 1)
    assert set(peer.lines) == {"STARTTLS"}


async def test_what_comes_in_clear_behind_starttls_is_not_believed(store: Store) -> None:
    """Lines that somebody put behind the answer to STARTTLS are no answers to what is asked under TLS."""
    scripts: list[Script] = [{"STARTTLS": b"TAG OK go on\r\nm2 NO [ALERT] somebody else\r\n"}]
    server = ImapPeer(mails=dict(MAILS), scripts=scripts, tls=smtp.certificate("localhost"))
    async with server as peer, polling(store, place(peer.port, tls=Tls.STARTTLS), smtp.trust()) as work:
        await work.until(lambda _: not peer.mails)
    assert work.problems == []


async def test_password_that_a_server_repeats_is_not_logged(store: Store) -> None:
    """A server that repeats the command is not quoted, but for the code of its answer."""
    scripts: list[Script] = [{"LOGIN": b'TAG BAD [CLIENTBUG] what is LOGIN "bounces" "geheim"?\r\n'}]
    async with ImapPeer(scripts=scripts) as peer, polling(store, place(peer.port)) as work:
        await work.until(lambda seen: seen.problems)
    assert work.problems == ["LOGIN was refused with [CLIENTBUG]"]
    assert "geheim" not in str(work.lines)


async def test_mails_wait_while_too_much_waits_to_be_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the inbox takes no more the session ends, and nothing is deleted; later everything is taken."""
    full = True

    async def take(*_: object, **__: object) -> str:
        if full:
            raise InboxFull("more waits")
        return "rep_1"

    async with ImapPeer(mails=dict(MAILS)) as peer, polling(store, place(peer.port)) as work:
        monkeypatch.setattr(work.poller._inbox, "take", take)
        await work.until(lambda seen: "more waits" in seen.problems)
        full = False
        await work.until(lambda _: not peer.mails)


async def test_fault_of_ours_is_told_by_its_kind_and_ends_one_session(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody thought of is logged without its words, and the poller goes on."""
    marked = Session.mark

    async def mark(self: Session, uid: int, flag: str) -> None:
        monkeypatch.setattr(Session, "mark", marked)
        raise ValueError("code 042917")

    monkeypatch.setattr(Session, "mark", mark)
    async with ImapPeer(mails=dict(MAILS)) as peer, polling(store, place(peer.port)) as work:
        await work.until(lambda _: not peer.mails)
    assert work.problems == ["ValueError"]


async def test_poller_ends_at_once_in_the_middle_of_anything(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop does not wait for a server that hangs."""
    monkeypatch.setattr(imap_module, "COMMAND", 60.0)
    monkeypatch.setattr(poller_module, "INTERVAL", 60.0)
    scripts: list[Script] = [{"UID FETCH": SILENCE}]
    async with ImapPeer(mails=dict(MAILS), scripts=scripts) as peer:
        async with polling(store, place(peer.port)) as work:
            await work.until(lambda _: "UID FETCH" in str(peer.lines))
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 5


class _Wire(asyncio.Transport):
    """Takes what is written, and leads nowhere."""

    def write(self, data: Any) -> None:
        pass


WORDS = [
    b"m1 OK",
    b"* ",
    b"\r\n",
    b"SEARCH",
    b" 1",
    b"FETCH (UID 1 ",
    b"BODY[]<0> ",
    b'"',
    b"{3}",
    b"{",
    b"}",
    b"NIL",
    b"\\",
]


@settings(max_examples=150)
@given(octets=st.lists(st.sampled_from(WORDS) | st.binary(max_size=8), max_size=30).map(b"".join))
@example(octets=b"* 1 FETCH (UID 1 BODY[]<0> {3} abc)\r\nm1 OK\r\n")
@example(octets=b"m1 OK\r\n* SEARCH " + b"9" * 5000 + b"\r\nm2 OK\r\n")
def test_whatever_a_server_answers_is_an_answer_or_an_imap_error(octets: bytes) -> None:
    """No octets make anything else of a session than an answer or an `ImapError`."""

    async def ask() -> None:
        for ask_for in (Session.waiting, lambda session: session.fetch(1, 10), lambda s: s.open(place(1))):
            reader = asyncio.StreamReader(limit=10_000)
            reader.feed_data(octets)
            reader.feed_eof()
            with contextlib.suppress(ImapError):
                await ask_for(Session(reader, _Wire()))

    asyncio.run(ask())


def test_password_does_not_show_itself() -> None:
    """The value that holds the password can be printed."""
    assert "geheim" not in repr(place(1, password=Secret("geheim")))
