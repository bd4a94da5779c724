"""The store: opens the database, runs work in it, tells the process what was committed.

Work is a plain function of a transaction (to write) or of a connection (to read); the functions stand in the modules
named by their noun. On SQLite one thread writes and a few read.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url

from mailsvc.domain.event import Event
from mailsvc.domain.guidance import Guide
from mailsvc.store.cipher import Cipher
from mailsvc.store.events import ensure_log
from mailsvc.store.gate import DotGate
from mailsvc.store.migrate import HEAD, current, upgrade
from mailsvc.store.schema import facts
from mailsvc.store.sql import DATABASE_ERRORS, upsert
from mailsvc.store.transaction import StoreUnavailable, Transaction
from mailsvc.store.writer import Writer

T = TypeVar("T")
_READERS = 2
_PROVE = upsert(facts, ["name"], ["value"])
#: WAL so that readers never wait for the writer; FULL so that a commit is on the disk before it is answered.
_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "busy_timeout = 5000",
    "secure_delete = FAST",
)


class Store:
    """One open database. Make it inside a running event loop with `open`; end it with `close`."""

    def __init__(self, engine: Engine, cipher: Cipher, gate: DotGate, guide: Guide) -> None:
        self.cipher = cipher
        self.gate = gate
        self.guide = guide
        self._engine = engine
        self._listeners: list[Callable[[Sequence[Event]], None]] = []
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")
        self._writer = Writer(engine, cipher, gate, guide, self._publish)

    @classmethod
    async def open(cls, url: str, cipher: Cipher, guide: Guide) -> "Store":
        """Open and migrate the database at an SQLAlchemy URL; ``guide`` has the words for customers.

        Raises `GateLocked` when another process has it open, `StoreUnavailable` when it cannot be used.
        """
        with _trouble_is_unavailable():
            gate = DotGate(_gate_path(url))
            await asyncio.to_thread(upgrade, url)
        store = cls(make_engine(url), cipher, gate, guide)
        await store.write(ensure_log)
        return store

    @property
    def failing(self) -> str | None:
        """Why nothing can be written now; None while it can."""
        return self._writer.failing

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run work in a transaction that is durable when this returns; raises `StoreUnavailable` or the work's own."""
        return await self._writer.run(work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run queries; they see everything that was committed before, and nothing that is committed meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def subscribe(self, listener: Callable[[Sequence[Event]], None]) -> None:
        """Have a function called in the event loop with every group of events, once they are durable."""
        self._listeners.append(listener)

    async def close(self) -> None:
        """Finish what waits and let go of the database."""
        await self._writer.close()
        self._readers.shutdown()
        self._engine.dispose()
        self.gate.close()

    async def checkpoint(self) -> None:
        """Move the write-ahead log into the database and empty it, as far as nobody is using it just now."""
        await asyncio.get_running_loop().run_in_executor(self._readers, self._checkpoint)

    async def prove(self) -> None:
        """Write something; raises `StoreUnavailable` while nothing can be written."""
        await self.write(lambda tx: _PROVE.all(tx.connection, name="proof", value=secrets.token_hex(4)))

    def _read(self, work: Callable[[Connection], T]) -> T:
        with _trouble_is_unavailable(), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                return work(connection)
            finally:
                connection.exec_driver_sql("ROLLBACK")

    def _checkpoint(self) -> None:
        with _trouble_is_unavailable(), self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def _publish(self, events: Sequence[Event]) -> None:
        for listener in self._listeners:
            listener(events)


def with_connection(url: str, work: Callable[[Connection], T]) -> T:
    """Do a command's work in a transaction of its own, beside a service that may be running.

    Raises `StoreUnavailable` where the database cannot be used.
    """
    with _trouble_is_unavailable():
        return _with_connection(url, work)


@contextmanager
def reading(url: str) -> Iterator[Connection | None]:
    """Let a command read a store beside a service that may be running; None where there is none.

    Neither makes nor migrates it. Raises `StoreUnavailable` where the database cannot be used as it is.
    """
    if not Path(make_url(url).database or "").is_file():
        yield None
        return
    with _trouble_is_unavailable():
        if current(url) != HEAD:
            raise StoreUnavailable("it is of another version; `mailsvc db upgrade` brings it to this one")
        engine = make_engine(url)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()


def _with_connection(url: str, work: Callable[[Connection], T]) -> T:
    upgrade(url)
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            result = work(connection)
            connection.exec_driver_sql("COMMIT")
            return result
    finally:
        engine.dispose()


@contextmanager
def _trouble_is_unavailable() -> Iterator[None]:
    try:
        yield
    except (*DATABASE_ERRORS, OSError) as error:
        raise StoreUnavailable(f"the store cannot be used: {getattr(error, 'orig', error)}") from None


def make_engine(url: str) -> Engine:
    """Return an engine that leaves transactions to us, with the durability this service promises."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT", hide_parameters=True)
    event.listen(engine, "connect", _set_pragmas)
    return engine


def _set_pragmas(connection: Any, _record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _gate_path(url: str) -> Path:
    database = make_url(url).database
    if not database:
        raise ValueError("the SQLite URL names no file")
    return Path(database).with_suffix(".gate")
