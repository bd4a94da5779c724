"""Reading in a process of its own: whatever a mail does there, an answer comes, and the next mail is read."""

import os
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from mailsvc.domain.outcome import Category
from mailsvc.domain.report import Action, Kind, Report, Reported
from mailsvc.feedback import isolation
from mailsvc.feedback.isolation import IsolationError, ReportReader, Unread
from tests.support.poison_reader import COMMAND
from tests.support.reports import dsn
from tests.support.service import CHECKOUT


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))


@pytest_asyncio.fixture
async def reader() -> AsyncIterator[ReportReader]:
    """Read with a process that obeys the mails of these tests."""
    reader = ReportReader(COMMAND)
    yield reader
    await reader.close()


def read(envid: str | None = None) -> Report:
    """Return what the tests' process answers to a mail that asks for nothing."""
    said = Reported(recipient="taro@docomo.ne.jp", action=Action.FAILED, category=Category.MAILBOX_FULL)
    return Report(kind=Kind.BOUNCE, recipients=(said,), envid=envid)


async def test_mails_are_read_in_their_order_by_one_process(reader: ReportReader) -> None:
    """Answers come in the order of the mails, call after call, and the process stays."""
    assert await reader.read([b"\n1", b"\n2", b"\n" + b"3" * 100_000]) == [read("1"), read("2"), read("3" * 100_000)]
    process = reader._process
    assert await reader.read([b"\n4"]) == [read("4")]
    assert reader._process is process


#: What a mail asks for, and what is said of it.
DEADLY = {
    "spin": "reading it took more than 2 s of processor time",
    "die": "it ended the process that read it",
    "crash": "it ended the process that read it (signal 11)",
    "long": "the process that read it gave no answer of the right form",
}


@pytest.mark.parametrize("order", DEADLY)
async def test_mail_that_ends_the_process_is_told_alone(reader: ReportReader, order: str) -> None:
    """The mails before it have their answers, it has its own, those behind it have none, and a new process goes on."""
    answers = await reader.read([b"\nbefore", order.encode(), b"\nbehind"])
    assert answers == [read("before"), Unread(DEADLY[order], final=False)]
    assert await reader.read([b"\nbehind"]) == [read("behind")]


HARMLESS = {
    "fail": Unread("reading it failed: ValueError", final=False),
    "recurse": Unread("reading it failed: RecursionError", final=False),
    "eat": Unread("reading it failed: MemoryError", final=False),
    "write": Unread("reading it failed: FileNotFoundError", final=False),
    "refuse": Unread("it has more than 10 levels", final=True),
    "say": read(),
    "settings": read(),
}


@pytest.mark.parametrize("order", HARMLESS)
async def test_mail_that_fails_leaves_the_process_as_it_is(
    reader: ReportReader, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors are told without words of the mail; memory, files, output and settings of the service are out of reach."""
    monkeypatch.setenv("MAILSVC_SECRET_KEYS", "secret")
    assert await reader.read([order.encode(), b"\nbehind"]) == [HARMLESS[order], read("behind")]


async def test_mail_that_waits_for_ever_is_given_up(reader: ReportReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail that takes no processor time, and no end either, is cut off by the clock."""
    await reader.read([b"\n"])
    monkeypatch.setattr(isolation, "PATIENCE", 0.3)
    assert await reader.read([b"sleep", b"\n"]) == [Unread("it was not read within 0 s", final=False)]


async def test_process_is_replaced_after_many_mails(reader: ReportReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """What leaks in a process never adds up."""
    monkeypatch.setattr(isolation, "READ_MAX", 2)
    pids = []
    for _ in range(3):
        await reader.read([b"\n1"])
        assert reader._process is not None
        pids.append(reader._process.pid)
    assert pids[0] == pids[1] != pids[2]


@pytest.mark.parametrize(
    "command",
    [("/nonexistent",), (sys.executable, "-c", "pass"), (sys.executable, "-c", "print('ready' * 100)")],
    ids=["no program", "ends at once", "says something else"],
)
async def test_process_that_cannot_be_started_is_no_reports_fault(command: tuple[str, ...]) -> None:
    """Where nothing can be read at all that is an error of its own, again and again."""
    reader = ReportReader(command)
    for _ in range(2):
        with pytest.raises(IsolationError):
            await reader.read([b"\n"])


async def test_closed_reader_leaves_no_process(reader: ReportReader) -> None:
    """The process is gone when the reader is closed, and comes back when it is needed."""
    await reader.read([b"\n"])
    assert reader._process is not None
    pid = reader._process.pid
    await reader.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert await reader.read([b"\n"]) == [read()]


async def test_signals_to_the_service_do_not_reach_what_is_being_read(reader: ReportReader) -> None:
    """A supervisor that signals every process of the service does not make a report fail."""
    await reader.read([b"\n"])
    assert reader._process is not None
    for name in (2, 15):
        os.kill(reader._process.pid, name)
    assert await reader.read([b"\n5"]) == [read("5")]


async def test_real_reader_reads_a_report() -> None:
    """The process of the service reads a delivery status notification."""
    reader = ReportReader()
    try:
        (found,) = await reader.read([dsn("b+x@mail.example.jp", about="msg_" + "a" * 28)])
    finally:
        await reader.close()
    assert isinstance(found, Report)
    assert (found.kind, found.message_id) == (Kind.BOUNCE, "msg_" + "a" * 28 + "@mail.example.jp")
    assert [(said.recipient, said.category) for said in found.recipients] == [
        ("taro@example.jp", Category.USER_UNKNOWN)
    ]
