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

from mailsvc.domain.access import ApiKey
from mailsvc.domain.address import parse
from mailsvc.domain.address_state import AddressState, Evidence, Source, Strength
from mailsvc.domain.event import EventType
from mailsvc.domain.figures import Figures
from mailsvc.domain.outcome import Category, Permanence
from mailsvc.domain.report import ReportSource, ReportState
from mailsvc.store import (
    Cipher,
    Connection,
    Store,
    actions,
    address_book,
    address_states,
    events,
    figures,
    idempotency,
    lifecycle,
    lookups,
    messages,
    migrate,
    rechecks,
    recovery,
    reports,
    retention,
    sessions,
    shares,
    uses,
    webhook_replay,
    webhooks,
)
from mailsvc.store.idempotency import Claim
from mailsvc.store.rechecks import Recheck
from mailsvc.store.schema import metadata
from mailsvc.store.webhooks import Progress
from tests.support.domain import NOW, attempt
from tests.support.store import GUIDE, KEY, accept, accepted, asked, conclude, opened

CLAIM = Claim("key_1", "once", b"")
RECHECK = Recheck("nobody@example.jp", NOW, 0, NOW)
VIEWED = (GUIDE, NOW)
HOLDER = ApiKey("key_x", "x", frozenset(), NOW)
TARO = parse("taro@docomo.ne.jp")


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
    "by challenge": lambda connection: messages.page(connection, {"challenge": "x"}, *VIEWED, before="msg_y", limit=9),
    "by customer": lambda connection: messages.page(connection, {"customer": "x"}, *VIEWED, before=None, limit=9),
    "by reference": lambda connection: messages.page(connection, {"reference": "x"}, *VIEWED, before=None, limit=9),
    "reports that wait": lambda connection: reports.pending(connection, but={"rep_x"}, most=9),
    "backlog of reports": reports.backlog,
    "octets that wait": reports.pending_octets,
    "body of a report": lambda connection: reports.mail_of(connection, Cipher([KEY]), "rep_x"),
    "quarantine": lambda connection: reports.page(connection, ReportState.QUARANTINED, before="rep_y", limit=9),
    "newest reports": lambda connection: reports.page(connection, None, before="rep_y", limit=9),
    "newest": lambda connection: messages.page(connection, {}, *VIEWED, before="msg_y", limit=9),
    "state of an address": lambda connection: address_book.state_of(connection, TARO, *VIEWED),
    "flagged": lambda connection: address_book.flagged(
        connection, *VIEWED, state=AddressState.REFUSED, after="adr_x", limit=9
    ),
    "counts of addresses": address_states.counts,
    "frozen sites": shares.frozen,
    "closed loop": uses.standing,
    "rechecks": lambda connection: rechecks.due(connection, NOW, 9),
    "replay": lambda connection: idempotency.find(connection, None, CLAIM, NOW),  # type: ignore[arg-type]
    "webhook log": lambda connection: webhooks.read(connection, "x", 0, (), 9),
    "webhook rows": lambda connection: webhooks.due(connection, "x", NOW, until=NOW, limit=9),
    "webhook next row": lambda connection: webhooks.due(connection, "x", NOW, until=None, limit=1),
    "webhook backlog": lambda connection: webhook_replay.backlog(connection, "x"),
    "webhook parked": lambda connection: webhook_replay.parked(connection, ["x"], before="whp_x", limit=9),
    "log for the figures": figures.unread,
    "figures of a site": lambda connection: figures.of(connection, "x", figures.HOUR, NOW),
    "figures by site": lambda connection: figures.by_destination(connection, figures.HOUR, NOW, 9),
    "holder of a session": lambda connection: sessions.holder(connection, "x", NOW),
    "actions": lambda connection: actions.page(connection, before="act_x", limit=9),
    "sought messages": lambda connection: lookups.named(connection, lookups.NAMES, "x", limit=9),
    "messages to an address": lambda connection: lookups.to_address(connection, TARO.identity, limit=9),
    "late codes": lambda connection: lookups.late(connection, NOW),
    "last flagged": lambda connection: lookups.flagged(
        connection, NOW, state=AddressState.REFUSED, before="adr_x", limit=9
    ),
    "address by its change": lambda connection: lookups.address(connection, NOW, change="adr_x"),
    "undelivered events": lambda connection: lookups.undelivered(connection, "msg_x", 9),
    "webhook events behind": lambda connection: webhook_replay.behind(connection, 5, frozenset(EventType)),
}
WRITES: dict[str, Callable[[Any], Any]] = {
    "report": lambda tx: reports.add(tx, b"x", None, ReportSource.SMTP, NOW),
    "report again": lambda tx: [reports.retry(tx, "rep_x"), reports.fail(tx, "rep_x", "", final=True)],
    "risks": lambda tx: lifecycle.report_risks(tx, NOW),
    "claim": lambda tx: lifecycle.claim(tx, "msg_x", NOW),
    "addresses": lambda tx: address_states.sweep(tx, NOW),
    "uses": lambda tx: [uses.judge(tx, NOW), uses.judge(tx, NOW)],
    "sites": lambda tx: [uses._sites(tx.connection, {"x"}), list(uses._active(tx.connection, NOW))],
    "forget": lambda tx: address_book.forget(tx, TARO.identity, NOW),
    "recheck": lambda tx: [
        rechecks.remember(tx, RECHECK),
        rechecks.postpone(tx, RECHECK, NOW),
        rechecks.condemn(tx, RECHECK, "x", NOW),
    ],
    "webhook record": lambda tx: webhooks.record(tx, "x", Progress(1, [], {1: "a"}), NOW),
    "webhook back": lambda tx: webhooks.hurry(tx, "x", NOW),
    "webhook down": lambda tx: webhooks.give_up(tx, "x", NOW, NOW),
    "webhook replay": lambda tx: webhook_replay.requeue(tx, "x", None, NOW),
    "session": lambda tx: [sessions.begin(tx, HOLDER, NOW), sessions.end(tx, "x")],
    "figures": lambda tx: figures.add(tx, (0, 1), {("x", NOW): Figures(codes=1)}, NOW),
    "prune for the console": lambda tx: [figures.prune(tx, NOW), actions.prune(tx, NOW)],
    "prune": lambda tx: retention.prune(tx, NOW, keep_messages=9, keep_events=9, keep_reports=9),
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


async def test_delivery_to_a_known_address_asks_for_its_state_once(store: Store) -> None:
    """Where nothing is wrong a code costs one look at its address when it is taken and one when it is delivered."""
    await conclude(store, await accepted(store), attempt(Permanence.DELIVERED, category=Category.DELIVERED))
    with _statements(store) as made:
        message = await accepted(store, accepted_at=NOW + 1)
        await conclude(store, message, attempt(Permanence.DELIVERED, category=Category.DELIVERED), now=NOW + 2)
    about = [statement.split()[0] for statement in made if "addresses" in statement or "evidence" in statement]
    assert about == ["SELECT", "SELECT"]


async def test_way_of_a_flagged_address_uses_indexes(store: Store) -> None:
    """From refusals over a report and a site that is at fault to the end of a state: every statement by an index."""
    told = Evidence(
        at=NOW, source=Source.REPORT, strength=Strength.STRONG, category=Category.MAILBOX_FULL, message="msg_x"
    )
    with _statements(store) as made:
        for number in range(25):
            message = await accepted(store, to=f"{number}@docomo.ne.jp", challenge=None)
            await conclude(store, message, attempt(Permanence.PERMANENT, category=Category.USER_UNKNOWN))
        await store.write(lambda tx: address_states.note(tx, "0@docomo.ne.jp", told, NOW))
        await store.write(lambda tx: address_states.sweep(tx, NOW + 700))
        await store.write(lambda tx: address_states.sweep(tx, NOW + 90000))
    assert sum(statement.startswith("UPDATE destinations") for statement in made) == 2
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


#: What is read as a whole: tables of a few rows, and the indexes of what still has something before it.
SMALL = (
    "facts",
    "sqlite_sequence",
    "CONSTANT",
    "webhook_endpoints",
    "use_reports",
    "uses_raised",
    "messages_queued",
    "reports_pending",
    "reports_quarantined",
    "rechecks_due",
)


async def _check_plans(store: Store, made: list[str]) -> None:
    assert made
    for statement in list(made):
        for step in await _plan(store, statement):
            small = any(name in step for name in SMALL)
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
