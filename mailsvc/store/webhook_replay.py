"""Webhook endpoints as operators see them: what waits, what is parked, and how it is sent again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select, update

from mailsvc.domain.event import Event, EventType
from mailsvc.store.events import check, from_row
from mailsvc.store.schema import events
from mailsvc.store.schema import webhook_deliveries as rows
from mailsvc.store.schema import webhook_endpoints as endpoints
from mailsvc.store.transaction import Transaction
from mailsvc.store.webhooks import BATCH, Place, promote


@dataclass(frozen=True, slots=True)
class Backlog:
    """What an endpoint has not taken."""

    waiting: int  #: events with a row that is not parked
    oldest: float | None  #: since when the first of them waits
    next_at: float | None  #: when the next of them is tried
    parked: int


@dataclass(frozen=True, slots=True)
class Known:
    """An endpoint that the store knows."""

    key: str
    url: str  #: without user part and query
    configured: bool
    cursor: int


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that an endpoint will not be told, unless somebody replays it."""

    id: str  #: ``whp_`` and 28 letters
    key: str  #: the endpoint's
    tries: int
    problem: str | None
    event: Event


def known(connection: Connection) -> list[Known]:
    """Return every endpoint that there is or was."""
    found = connection.execute(select(endpoints).order_by(endpoints.c.url)).all()
    return [Known(row.endpoint, row.url, row.configured, row.cursor) for row in found]


def backlog(connection: Connection, key: str) -> Backlog:
    """Return what waits for an endpoint, and what is parked."""
    own = rows.c.endpoint == key
    first = select(rows.c.at).where(own, rows.c.parked.is_(None)).order_by(rows.c.seq).limit(1)
    return Backlog(
        waiting=_count(connection, rows, own, rows.c.parked.is_(None)),
        oldest=connection.execute(first).scalar(),
        next_at=connection.execute(select(func.min(rows.c.next_at)).where(own, rows.c.next_at.is_not(None))).scalar(),
        parked=_count(connection, rows, own, rows.c.parked.is_not(None)),
    )


def overview(connection: Connection, types: Mapping[str, Collection[EventType]]) -> list[tuple[Known, Backlog]]:
    """Return the endpoints that are there now (the keys of ``types``), and the former ones with something parked.

    What waits for one are its rows up to its cursor and, of its types, all events behind it: some of these may be taken
    already, ahead of others.
    """
    found = []
    for one in known(connection):
        left = backlog(connection, one.key)
        if one.key in types:
            up_to = rows.c.endpoint == one.key, rows.c.parked.is_(None), rows.c.seq <= one.cursor
            waiting = _count(connection, rows, *up_to) + behind(connection, one.cursor, types[one.key])
            left = replace(left, waiting=waiting)
        if one.key in types or left.parked:
            found.append((one, left))
    return found


def behind(connection: Connection, cursor: int, types: Collection[EventType]) -> int:
    """Return how many events of these types there are behind a cursor."""
    return _count(connection, events, events.c.seq > cursor, events.c.type.in_([type_.value for type_ in types]))


def parked(
    connection: Connection, keys: Collection[str], *, before: str | None, limit: int
) -> tuple[Sequence[Parked], str | None]:
    """Return up to ``limit`` parked events of endpoints, the newest first, and the cursor behind them."""
    found = [one for key in keys for one in _parked_of(connection, key, before, limit + 1)]
    found.sort(key=lambda one: one.id, reverse=True)
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def requeue(tx: Transaction, key: str, event: str | None, now: float) -> int:
    """Have parked events of an endpoint, or one of them, tried again; return how many, `BATCH` at most."""
    query = select(rows.c.seq, rows.c.lane).where(rows.c.endpoint == key, rows.c.parked.is_not(None))
    if event is not None:
        query = query.join(events, events.c.seq == rows.c.seq).where(events.c.id == event)
    found = tx.connection.execute(query.order_by(rows.c.parked).limit(BATCH)).all()
    if found:
        these = rows.c.endpoint == key, rows.c.seq.in_([row.seq for row in found])
        tx.connection.execute(update(rows).where(*these).values(parked=None, tries=0, at=now, next_at=None))
    promote(tx, key, {row.lane for row in found}, now)
    return len(found)


def rewind(tx: Transaction, key: str, after: int, types: Collection[EventType], now: float) -> tuple[Place | None, int]:
    """Put an endpoint's cursor back, so that all behind it is sent again; return its new place, and how much that is.

    A cursor is not put forward: then there is no new place. Raises `CursorExpired` where events behind it are gone.
    """
    check(tx.connection, after)
    this = endpoints.c.endpoint == key
    cursor = tx.connection.execute(select(endpoints.c.cursor).where(this)).scalar_one()
    if after >= cursor:
        return None, behind(tx.connection, cursor, types)
    tx.connection.execute(delete(rows).where(rows.c.endpoint == key, rows.c.seq > after))
    tx.connection.execute(update(endpoints).where(this).values(cursor=after, since=now))
    return Place(after, now), behind(tx.connection, after, types)


def _parked_of(connection: Connection, key: str, before: str | None, limit: int) -> list[Parked]:
    query = select(events, rows.c.parked, rows.c.endpoint, rows.c.tries, rows.c.problem)
    query = query.join(rows, events.c.seq == rows.c.seq).where(rows.c.endpoint == key, rows.c.parked.is_not(None))
    if before is not None:
        query = query.where(rows.c.parked < before)
    found = connection.execute(query.order_by(rows.c.parked.desc()).limit(limit)).all()
    return [_parked(row) for row in found]


def _parked(row: Any) -> Parked:
    return Parked(row.parked, row.endpoint, row.tries, row.problem, from_row(row))


def _count(connection: Connection, table: Table, *conditions: Any) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one())
