"""The one writer of a SQLite store: group commit in a thread of its own.

Work that waits while a transaction syncs shares the next one. Each piece of work has a savepoint: one that fails is
undone alone and its caller gets its exception; when the transaction itself fails (disk full, I/O error) every caller
gets `StoreUnavailable` and the connection is thrown away, so that the next group starts from a clean reopen.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from mailsvc.domain.event import Event
from mailsvc.store.cipher import Cipher
from mailsvc.store.gate import DotGate
from mailsvc.store.transaction import StoreUnavailable, Transaction

T = TypeVar("T")
#: Work that shares one transaction at most; more only lengthens everybody's wait.
GROUP_MAX = 128

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Job:
    work: Callable[[Transaction], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Runs work in transactions, in the order in which it came."""

    def __init__(
        self, engine: Engine, cipher: Cipher, gate: DotGate, publish: Callable[[Sequence[Event]], None]
    ) -> None:
        self.failing: str | None = None  #: why the last transaction failed, None when it did not
        self._engine = engine
        self._cipher = cipher
        self._gate = gate
        self._publish = publish
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._serve, name="store-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """Do the work in a durable transaction and return its result.

        Raises what the work raised, or `StoreUnavailable`; either way nothing of it was stored.
        """
        if not self._thread.is_alive():
            raise StoreUnavailable("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(work, future))
        return await future

    async def close(self) -> None:
        """Finish the work that waits, then stop."""
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
            events = self._transact(group)
            self.failing = None
        except (DBAPIError, sqlite3.Error) as error:
            # No traceback: its locals and statements belong to the work.
            self.failing = str(getattr(error, "orig", error))
            log.error("store.unavailable", error=self.failing)  # noqa: TRY400
            self._disconnect()
            for job in group:
                job.result, job.error = None, StoreUnavailable("the store could not commit")
        self._loop.call_soon_threadsafe(self._answer, group, events)

    def _transact(self, group: list[_Job]) -> Sequence[Event]:
        connection = self._connect()
        transaction = Transaction(connection, self._cipher, self._gate)
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            for job in group:
                _do(job, transaction)
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            transaction.roll_back()
            raise
        return transaction.events

    def _answer(self, group: list[_Job], events: Sequence[Event]) -> None:
        for job in group:
            if job.future.done():  # its caller has gone; the work is done all the same
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
        if events:
            self._publish(events)

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
    transaction.connection.exec_driver_sql("SAVEPOINT job")
    try:
        job.result = job.work(transaction)
    except Exception as error:
        if isinstance(error, DBAPIError) and not isinstance(error, IntegrityError):
            raise  # the store failed, not this work
        job.error = error
        transaction.connection.exec_driver_sql("ROLLBACK TO job")
        transaction.roll_back(mark)
    transaction.connection.exec_driver_sql("RELEASE job")
