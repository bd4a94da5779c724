"""The one writer of a SQLite store: group commit in a thread of its own.

Work that waits while a transaction syncs shares the next one. Each piece of work has a savepoint: one that fails is
undone alone and its caller gets its exception; when the transaction itself fails (disk full, I/O error) every caller
gets `StoreUnavailable` and the connection is thrown away, so that the next group starts from a clean reopen.
Work whose caller is cancelled is done all the same; the attempts it began count as abandoned.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from mailsvc.domain.event import Event
from mailsvc.domain.guidance import Guide
from mailsvc.domain.mass_change import Shares
from mailsvc.store.cipher import Cipher
from mailsvc.store.gate import DotGate
from mailsvc.store.sql import Prepared
from mailsvc.store.transaction import StoreUnavailable, Transaction

T = TypeVar("T")
#: Work that shares one transaction at most; more only lengthens everybody's wait.
GROUP_MAX = 128
#: The store's own failure, not the work's.
_STORE_FAILED = (OperationalError, sqlite3.OperationalError)
_BEGIN, _COMMIT = Prepared(text("BEGIN IMMEDIATE")), Prepared(text("COMMIT"))
_SAVEPOINT, _RELEASE = Prepared(text("SAVEPOINT job")), Prepared(text("RELEASE job"))
_ROLL_BACK = Prepared(text("ROLLBACK TO job"))

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Job:
    work: Callable[[Transaction], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    begun: list[str] = field(default_factory=list)


class Writer:
    """Runs work in transactions, in the order in which it came."""

    def __init__(
        self, engine: Engine, cipher: Cipher, gate: DotGate, guide: Guide, publish: Callable[[Sequence[Event]], None]
    ) -> None:
        self.failing: str | None = None  #: why the last transaction failed, None when it did not
        self._engine = engine
        self._cipher = cipher
        self._gate = gate
        self._shares = Shares()
        self._guide = guide
        self._publish = publish
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="store-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """Do the work in a durable transaction and return its result.

        Raises what the work raised, or `StoreUnavailable`; either way nothing of it was stored.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        job = _Job(work, future)
        self._jobs.put(job)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            future.add_done_callback(lambda _: self._abandon(job))
            raise

    async def close(self) -> None:
        """Finish the work that waits, then stop."""
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        stopping = False
        while not stopping:
            group, stopping = self._next_group()
            if group:
                self._commit(group)
        self._disconnect()

    def _next_group(self) -> tuple[list[_Job], bool]:
        group: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            if len(group) == GROUP_MAX or self._jobs.empty():
                return group, False
            job = self._jobs.get()
        return group, True

    def _commit(self, group: list[_Job]) -> None:
        events: Sequence[Event] = ()
        try:
            events, changed = self._transact(group)
            if changed:  # a commit of nothing proves nothing
                self.failing = None
        except BaseException as error:  # noqa: BLE001  whatever it was, every caller gets an answer and the thread lives
            # No traceback: its locals and statements belong to the work.
            self.failing = _words(error)
            with suppress(OSError):  # the log may be on the disk that is full
                log.error("store.unavailable", error=self.failing)  # noqa: TRY400
            self._disconnect()
            for job in group:
                job.result, job.error = None, StoreUnavailable("the store could not commit")
        self._loop.call_soon_threadsafe(self._answer, group, events)

    def _transact(self, group: list[_Job]) -> tuple[Sequence[Event], bool]:
        """Do the work of a group; return its events, and whether anything was written."""
        connection = self._connect()
        before = _total_changes(connection)
        transaction = Transaction(connection, self._cipher, self._gate, self._shares, self._guide)
        try:
            _BEGIN.all(connection)
            for job in group:
                _do(job, transaction)
            _COMMIT.all(connection)
        except BaseException:
            transaction.roll_back()
            raise
        return transaction.events, _total_changes(connection) > before

    def _answer(self, group: list[_Job], events: Sequence[Event]) -> None:
        for job in group:
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
        if events:
            self._publish(events)

    def _abandon(self, job: _Job) -> None:
        for message_id in job.begun:
            self._gate.abandon(message_id)

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None


def _do(job: _Job, transaction: Transaction) -> None:
    mark = transaction.mark()
    _SAVEPOINT.all(transaction.connection)
    try:
        job.result = job.work(transaction)
        job.begun = transaction.begun[mark[1] :]
    except Exception as error:  # noqa: BLE001  it is its caller's
        # Where the store itself failed, SQLite has ended the transaction: then this fails too, and with it the group.
        _ROLL_BACK.all(transaction.connection)
        transaction.roll_back(mark)
        job.error = StoreUnavailable(_words(error)) if isinstance(error, _STORE_FAILED) else error
    _RELEASE.all(transaction.connection)


def _words(error: BaseException) -> str:
    """Say what failed without the values of the work: SQLite's words, else the kind of fault."""
    cause = getattr(error, "orig", error)
    return str(cause) if isinstance(cause, sqlite3.Error) else type(cause).__name__


def _total_changes(connection: Connection) -> int:
    driver: Any = connection.connection.dbapi_connection  # sqlite3's: SQLAlchemy knows no such figure
    return int(driver.total_changes)
