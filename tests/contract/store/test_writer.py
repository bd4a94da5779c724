"""Group commit: who fails with whom, what is taken back, and that it goes on afterwards."""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError, ProgrammingError

from mailsvc.domain.message import MessageState
from mailsvc.store import Store, StoreUnavailable, Transaction, lifecycle
from mailsvc.store.submit import submit
from tests.support.domain import NOW, attempt
from tests.support.store import (
    accept,
    accepted,
    asked,
    conclude,
    count,
    current,
    no_space,
    stuck,
    together,
    types_of,
)


def accepting(**fields: Any) -> Callable[[Transaction], Any]:
    return lambda tx: submit(tx, asked(**fields), (), None)


def raising(error: BaseException) -> Callable[[Transaction], Any]:
    def work(tx: Transaction) -> None:
        submit(tx, asked(), (), None)
        raise error

    return work


def running(statement: str, *parameters: Any) -> Callable[[Transaction], Any]:
    def work(tx: Transaction) -> None:
        submit(tx, asked(), (), None)
        tx.connection.exec_driver_sql(statement, parameters)

    return work


INSERT = "INSERT INTO facts VALUES (?, ?)"
ALONE = [
    (raising(ValueError("own")), ValueError),
    (raising(KeyError("x")), KeyError),
    (running(INSERT, "log", "again"), IntegrityError),
    (running(INSERT, "x", object()), ProgrammingError),
    (running(INSERT, "x", 1 << 70), OverflowError),
    (running("SELECT nothing FROM nowhere"), StoreUnavailable),
]


@pytest.mark.parametrize(("work", "error"), ALONE, ids=[error.__name__ for _, error in ALONE])
async def test_failing_work_fails_alone(store: Store, work: Callable[[Transaction], Any], error: type) -> None:
    """Work that fails, in whatever way, is undone alone; its neighbours in the transaction are stored."""
    old = await accepted(store)
    first, failed, last = await together(store, accepting(challenge="2"), work, accepting(challenge="3"))
    assert type(failed) is error
    assert await count(store, "messages") == 3
    assert await types_of(store) == ["accepted"] * 3
    assert [store.gate.holds(done.message.id, 1) for done in (first, last)] == [True, True]
    assert store.gate.holds(old.id, 1)
    assert store.failing is None
    assert await stuck(store) == []


@pytest.mark.parametrize(
    "work",
    [running("INSERT OR ROLLBACK INTO facts VALUES (?, ?)", "log", "x"), raising(SystemExit())],
    ids=["SQLite ends the transaction", "no ordinary exception"],
)
async def test_failing_transaction_fails_for_all(store: Store, work: Callable[[Transaction], Any]) -> None:
    """When the transaction is lost every caller is told, nothing is stored, and the next work succeeds."""
    old = await accepted(store)
    done = await together(store, accepting(challenge="2"), work, accepting())
    assert [type(error) for error in done] == [StoreUnavailable] * 3
    assert store.failing
    assert await count(store, "messages") == 1
    assert store.gate.holds(old.id, 1)
    await accept(store)
    assert store.failing is None


async def test_full_disk_fails_for_all_and_is_over_when_space_returns(store: Store, tmp_path: Path) -> None:
    """A commit that does not fit on the disk stores nothing, revokes nothing, sticks nothing, and passes later."""
    old = await accepted(store)
    with no_space((tmp_path / "mailsvc.db-wal").stat().st_size):
        done = await together(store, accepting(), accepting(), lambda tx: lifecycle.cancel(tx, old.id, NOW))
        assert [type(error) for error in done] == [StoreUnavailable] * 3
        assert store.failing
        with pytest.raises(StoreUnavailable):
            await accept(store)
        assert await count(store, "messages") == 1
        assert (await current(store, old)).state is MessageState.QUEUED
    assert store.gate.holds(old.id, 1)
    assert await stuck(store) == []
    assert (await accept(store)).answer["superseded"] == [old.id]
    assert await store.read(lambda tx: tx.exec_driver_sql("PRAGMA integrity_check").scalar()) == "ok"
    assert store.failing is None


async def test_revocation_of_failed_work_is_taken_back_and_earlier_one_is_not(store: Store) -> None:
    """A failed submit opens the gates that it shut, but not the one that a cancel had shut before."""
    waits, leaving = await accepted(store), await accepted(store, challenge="login-2")
    store.gate.admit(leaving.id, 1)
    await store.write(lambda tx: lifecycle.cancel(tx, leaving.id, NOW))

    def fail(tx: Transaction) -> None:
        submit(tx, asked(), (), None)
        submit(tx, asked(challenge="login-2"), (), None)
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        await store.write(fail)
    assert store.gate.holds(waits.id, 1)
    assert not store.gate.holds(leaving.id, 1)


async def test_attempt_that_failed_work_began_is_taken_back(store: Store) -> None:
    """A claim that could not be stored, alone or with all others, leaves the gate as it was and succeeds later."""
    waits = await conclude(store, await accepted(store), attempt())

    def claiming(tx: Transaction, error: BaseException | None = None) -> Any:
        claimed = lifecycle.claim(tx, waits.id, NOW + 60)
        if error:
            raise error
        return claimed

    for error in (ValueError(), SystemExit()):
        with pytest.raises((ValueError, StoreUnavailable)):
            await store.write(partial(claiming, error=error))
        assert not store.gate.open(waits.id)
    claimed = await store.write(claiming)
    assert store.gate.holds(waits.id, claimed.fence)


async def test_effects_are_taken_back_the_latest_first(store: Store) -> None:
    """What failed work did in memory is undone in reverse, and only what it did itself."""
    undone: list[str] = []

    def noting(*names: str, fails: bool) -> Callable[[Transaction], None]:
        def work(tx: Transaction) -> None:
            for name in names:
                tx.on_rollback(lambda name=name: undone.append(name))  # type: ignore[misc]
            if fails:
                raise ValueError

        return work

    await together(store, noting("a", fails=False), noting("b", "c", fails=True), noting("d", fails=False))
    assert undone == ["c", "b"]
    with no_space():
        await together(store, noting("e", fails=False), noting("f", fails=False), accepting())
    assert undone == ["c", "b", "f", "e"]


async def test_events_of_failed_work_are_not_published(store: Store) -> None:
    """Listeners hear of what is durable, in the order of its numbers, and of nothing else."""
    heard: list[int] = []
    store.subscribe(lambda events: heard.extend(event.seq for event in events))
    await together(store, accepting(challenge="2"), raising(ValueError()), accepting(challenge="3"))
    with no_space(), pytest.raises(StoreUnavailable):
        await accept(store)
    await accept(store)
    await asyncio.sleep(0)
    stored = await store.read(lambda connection: connection.exec_driver_sql("SELECT seq FROM events").scalars().all())
    assert heard == sorted(stored)
    assert len(heard) == 3


async def test_database_locked_by_another_is_unavailable(store: Store, tmp_path: Path) -> None:
    """While somebody else holds the database's lock nothing is stored; then everything goes on."""
    await store.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA busy_timeout = 50"))
    other = sqlite3.connect(tmp_path / "mailsvc.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            await accept(store)
        assert store.failing == "database is locked"
        other.execute("ROLLBACK")
    finally:
        other.close()
    assert (await accept(store)).message is not None


async def test_reader_sees_one_moment_however_much_is_written_meanwhile(store: Store) -> None:
    """All queries of one read see the same state of the database."""
    loop = asyncio.get_running_loop()

    def read(connection: Any) -> tuple[Any, Any]:
        ask = "SELECT count(*) FROM messages"
        before = connection.exec_driver_sql(ask).scalar()
        asyncio.run_coroutine_threadsafe(accept(store), loop).result(10)
        return before, connection.exec_driver_sql(ask).scalar()

    assert await store.read(read) == (0, 0)
    assert await count(store, "messages") == 1
