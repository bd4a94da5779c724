"""The schema: migrations, durability, and that no statement of the service reads a whole table."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event

from mailsvc.store import Connection, Store, events, idempotency, lifecycle, messages, migrate, recovery, retention
from mailsvc.store.idempotency import Claim
from mailsvc.store.schema import metadata
from tests.support.domain import NOW, attempt
from tests.support.store import accept, accepted, asked, conclude, opened

CLAIM = Claim("key_1", "once", b"")


def test_head_is_the_newest_migration(database_url: str) -> None:
    """The revision that the code is written for is the last of one line of migrations."""
    assert ScriptDirectory.from_config(migrate.config(database_url)).get_heads() == [migrate.HEAD]


def test_migrated_database_is_the_one_the_code_describes(database_url: str) -> None:
    """All migrations together make the tables, columns and indexes of the schema, and once more changes nothing."""
    assert migrate.current(database_url) is None
    for _ in range(2):
        migrate.upgrade(database_url)
        assert migrate.current(database_url) == migrate.HEAD
    engine = create_engine(database_url)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
    engine.dispose()


def test_migrated_tables_are_spelled_as_the_schema_spells_them(tmp_path: Path) -> None:
    """What a comparison of names does not see is equal too: conditions of indexes, AUTOINCREMENT, keys."""
    migrate.upgrade(f"sqlite:///{tmp_path}/migrated.db")
    engine = create_engine(f"sqlite:///{tmp_path}/described.db")
    metadata.create_all(engine)
    engine.dispose()
    assert _spelled(tmp_path / "migrated.db") == _spelled(tmp_path / "described.db")


async def test_store_is_durable_and_wipes_what_it_deletes(store: Store) -> None:
    """Every connection syncs each commit, keeps readers apart from the writer, and overwrites deleted content."""

    def pragmas(connection: Any) -> list[Any]:
        names = ("journal_mode", "synchronous", "secure_delete", "busy_timeout")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert await store.read(pragmas) == ["wal", 2, 2, 5000]
    assert await store.write(lambda tx: pragmas(tx.connection)) == ["wal", 2, 2, 5000]


#: What runs on each code or each second: the work, and whether it writes.
READS: dict[str, Callable[[Any], Any]] = {
    "due": lambda connection: lifecycle.due(connection, NOW),
    "waiting": lifecycle.waiting,
    "backlog": lifecycle.backlog,
    "open attempts": recovery.open_attempts,
    "get": lambda connection: messages.get(connection, "msg_x"),
    "attempts": lambda connection: messages.attempts_of(connection, "msg_x"),
    "by challenge": lambda connection: messages.page(connection, {"challenge": "x"}, before="msg_y", limit=9),
    "by customer": lambda connection: messages.page(connection, {"customer": "x"}, before=None, limit=9),
    "by reference": lambda connection: messages.page(connection, {"reference": "x"}, before=None, limit=9),
    "newest": lambda connection: messages.page(connection, {}, before="msg_y", limit=9),
    "replay": lambda connection: idempotency.find(connection, None, CLAIM, NOW),  # type: ignore[arg-type]
}
WRITES: dict[str, Callable[[Any], Any]] = {
    "risks": lambda tx: lifecycle.report_risks(tx, NOW),
    "claim": lambda tx: lifecycle.claim(tx, "msg_x", NOW),
    "prune": lambda tx: retention.prune(tx, NOW, keep_messages=9, keep_events=9),
}


@pytest.mark.parametrize("name", READS)
async def test_reading_statement_uses_an_index(store: Store, name: str) -> None:
    """What the service asks costs the same with ten million old messages."""
    with _statements(store) as made:
        await store.read(READS[name])
    await _check_plans(store, made)


@pytest.mark.parametrize("name", WRITES)
async def test_writing_statement_uses_an_index(store: Store, name: str) -> None:
    """What the service does every second or hour does not keep codes waiting behind a whole table."""
    with _statements(store) as made:
        await store.write(WRITES[name])
    await _check_plans(store, made)


async def test_way_of_a_code_uses_indexes(store: Store) -> None:
    """From the submit, with limits, a key and an older code, to its end: every statement goes by an index."""
    await accepted(store)
    with _statements(store) as made:
        done = await accept(store, asked(accepted_at=NOW + 1), ((3, 30.0),), CLAIM)
        assert done.message is not None
        await conclude(store, done.message, attempt())
        await store.write(lambda tx: lifecycle.claim(tx, done.message.id, NOW + 30))  # type: ignore[union-attr]
        await store.write(lambda tx: lifecycle.cancel(tx, done.message.id, NOW + 31))  # type: ignore[union-attr]
        await store.write(lambda tx: lifecycle.use(tx, done.message.id, NOW, NOW))  # type: ignore[union-attr]
        await store.read(lambda connection: events.page(connection, 0, [], 9))
    assert len(made) > 15
    await _check_plans(store, made)


@pytest.mark.parametrize("name", ["due", "waiting", "backlog", "open attempts"])
async def test_question_of_the_sweeper_touches_queued_rows_only(store: Store, name: str) -> None:
    """The partial index is used although the state is a bound value, as it is when the service asks."""

    def plan(connection: Connection) -> list[str]:
        asked: list[tuple[str, Any]] = []
        event.listen(connection, "before_cursor_execute", lambda *about: asked.append(about[2:4]))
        READS[name](connection)
        ((statement, values),) = asked
        assert "queued" in values
        return [step.detail for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]

    first, *_ = await store.read(plan)
    assert "USING INDEX messages_queued" in first
    assert name != "due" or first.startswith("SEARCH messages USING INDEX messages_queued (next_attempt_at<?)")


async def test_store_opens_what_an_earlier_one_left(database_url: str) -> None:
    """A database that is at the newest schema is opened as it is."""
    async with opened(database_url) as store:
        message = await accepted(store)
    async with opened(database_url) as store:
        assert await store.read(lambda connection: messages.get(connection, message.id)) is not None
        assert await store.read(messages.any_there) is True


@contextmanager
def _statements(store: Store) -> Iterator[list[str]]:
    """Collect what SQLite itself is asked, with the values in it, by the writer and by every reader."""
    made: list[str] = []

    def note(statement: str) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
            made.append(statement)

    def listen(connection: Any, *_: Any) -> None:
        connection.set_trace_callback(note)

    assert store._writer._connection is not None
    listen(store._writer._connection.connection.dbapi_connection)
    event.listen(store._engine, "checkout", listen)
    try:
        yield made
    finally:
        event.remove(store._engine, "checkout", listen)
        store._writer._connection.connection.dbapi_connection.set_trace_callback(None)  # type: ignore[union-attr]


async def _check_plans(store: Store, made: list[str]) -> None:
    assert made
    for statement in list(made):
        for step in await _plan(store, statement):
            small = "messages_queued" in step or any(name in step for name in ("facts", "sqlite_sequence", "CONSTANT"))
            assert small or not step.startswith("SCAN"), f"{step}: {statement}"


async def _plan(store: Store, statement: str) -> list[str]:
    explain = f"EXPLAIN QUERY PLAN {statement}"
    rows = await store.read(lambda connection: connection.connection.cursor().execute(explain).fetchall())
    return [row[3] for row in rows]


def _spelled(path: Path) -> dict[str, str]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL AND name != 'alembic_version'")
    spelled = {name: " ".join(sql.replace('"', "").split()).replace(" ,", ",") for name, sql in rows}
    connection.close()
    return spelled
