"""How far each webhook endpoint has come in the event log, as its pusher reads and records it (CONTRACT 3.6).

What is up to an endpoint's cursor is delivered, or not wanted, or has a row: it is tried again at ``next_at``, waits
behind an earlier event of its lane (``next_at`` null), or is parked. Of the rows of a lane that wait the first one has
its instant, and no other: every function here that adds or takes away a row sees to it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, select, update

from mailsvc.domain.event import Event, EventType
from mailsvc.domain.identifier import new_id
from mailsvc.store.events import Page, from_row, last, page
from mailsvc.store.schema import events
from mailsvc.store.schema import webhook_deliveries as rows
from mailsvc.store.schema import webhook_endpoints as endpoints
from mailsvc.store.sql import Prepared, binds, upsert
from mailsvc.store.transaction import Transaction

#: Rows that one transaction changes: codes wait behind it.
BATCH = 500
REMOVED = "the endpoint was taken out of the configuration"

_KEY = ["endpoint", "seq"]
_VALUES = ["lane", "at", "tries", "next_at", "problem", "parked"]
_PUT = upsert(rows, _KEY, _VALUES)
_THIS = rows.c.endpoint == bindparam("this")
_DROP = Prepared(delete(rows).where(_THIS, rows.c.seq == bindparam("row")))
_FIRST = select(func.min(rows.c.seq)).where(_THIS, rows.c.lane == bindparam("of"), rows.c.parked.is_(None))
_DEMOTE = Prepared(
    update(rows)
    .where(
        _THIS,
        rows.c.lane == bindparam("of"),
        rows.c.parked.is_(None),
        rows.c.seq > _FIRST.scalar_subquery(),
        rows.c.next_at.is_not(None),
    )
    .values(next_at=None)
)
_PROMOTE = Prepared(
    update(rows)
    .where(_THIS, rows.c.seq == _FIRST.scalar_subquery(), rows.c.next_at.is_(None))
    .values(binds(rows, {"next_at": "now"}))
)
_MOVE = Prepared(
    update(endpoints).where(endpoints.c.endpoint == bindparam("this")).values(binds(endpoints, {"cursor": "reached"}))
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an endpoint stands in the log."""

    cursor: int
    since: float  #: when it was put there; the time of no event runs out from before that


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An event that an endpoint has not taken."""

    seq: int
    lane: str
    at: float  #: from here on its time runs out
    tries: int  #: that failed
    next_at: float | None  #: None: it waits behind an earlier one of its lane, or is parked
    problem: str | None  #: why the last try failed
    parked: str | None = None  #: ``whp_…`` once nothing more is tried


@dataclass(frozen=True, slots=True)
class Progress:
    """What is to be recorded of an endpoint."""

    cursor: int
    rows: Sequence[Row]  #: new or changed
    gone: Mapping[int, str]  #: rows that were delivered, and their lanes


def configure(tx: Transaction, urls: Mapping[str, str], now: float) -> dict[str, Place]:
    """Note which endpoints there are, with their shown URLs; return their places.

    A new one begins at the end of the log. What waits for one that is not there any more is parked.
    """
    known = {row.endpoint: row for row in tx.connection.execute(select(endpoints))}
    for key in known.keys() - urls.keys():
        _remove(tx, key, now)
    for key in urls.keys() - known.keys():
        start = {"cursor": last(tx.connection), "since": now}
        tx.connection.execute(endpoints.insert(), {"endpoint": key, "url": "", "configured": True, **start})
    for key, url in urls.items():
        tx.connection.execute(_endpoint(key).values(url=url, configured=True))
    found = tx.connection.execute(select(endpoints).where(endpoints.c.configured))
    return {row.endpoint: Place(row.cursor, row.since) for row in found}


def read(
    connection: Connection, key: str, after: int, types: Sequence[EventType], limit: int
) -> tuple[Page, Collection[str]]:
    """Return the events behind a position in the log, and which of their lanes have a row that waits.

    Raises `CursorExpired` where events behind it are gone.
    """
    found = page(connection, after, types, limit)
    lanes = {event.lane for event in found.events}
    query = select(rows.c.lane).where(rows.c.endpoint == key, rows.c.parked.is_(None), rows.c.lane.in_(lanes))
    return found, set(connection.execute(query.distinct()).scalars()) if lanes else ()


def due(
    connection: Connection, key: str, now: float, *, until: float | None, limit: int
) -> tuple[list[tuple[Row, Event]], float | None]:
    """Return the rows whose next try is at ``until`` or before (None: the next ones), the earliest first.

    Behind them come those that wait for one of them, in their order. Beside them stands when the first one after
    ``now`` is due.
    """
    waits = rows.c.endpoint == key, rows.c.next_at.is_not(None)
    first = _with_events(key).where(rows.c.next_at.is_not(None)).order_by(rows.c.next_at, rows.c.seq).limit(limit)
    if until is not None:
        first = first.where(rows.c.next_at <= until)
    found = list(connection.execute(first))
    if lanes := {row.lane for row in found}:
        behind = rows.c.lane.in_(lanes), rows.c.parked.is_(None), rows.c.next_at.is_(None)
        found += connection.execute(_with_events(key).where(*behind).order_by(rows.c.seq).limit(limit))
    later: float | None = connection.execute(
        select(func.min(rows.c.next_at)).where(*waits, rows.c.next_at > now)
    ).scalar()
    return [(_row(row), from_row(row)) for row in found], later


def record(tx: Transaction, key: str, progress: Progress, now: float) -> None:
    """Record how far an endpoint has come."""
    for row in progress.rows:
        _PUT.all(tx.connection, endpoint=key, **asdict(row))
    for seq in progress.gone:
        _DROP.all(tx.connection, this=key, row=seq)
    promote(tx, key, {row.lane for row in progress.rows} | set(progress.gone.values()), now)
    _MOVE.all(tx.connection, this=key, reached=progress.cursor)


def hurry(tx: Transaction, key: str, now: float) -> None:
    """Have what would be tried later tried now: the endpoint is back."""
    later = select(rows.c.seq).where(rows.c.endpoint == key, rows.c.next_at > now).order_by(rows.c.next_at)
    if seqs := list(tx.connection.execute(later.limit(BATCH)).scalars()):
        _set(tx, key, seqs, next_at=now)


def give_up(tx: Transaction, key: str, before: float, now: float) -> int:
    """Park what has been waiting since before an instant; return how many there were, `BATCH` at most."""
    return _park(tx, key, rows.c.at < before, now)


def promote(tx: Transaction, key: str, lanes: Collection[str], now: float) -> None:
    """Give the first row of each lane its instant, and take it from the others."""
    for lane in lanes:
        _DEMOTE.all(tx.connection, this=key, of=lane)
        _PROMOTE.all(tx.connection, this=key, of=lane, now=now)


def held_from(connection: Connection) -> int | None:
    """Return the first event that an endpoint still waits for; None: nothing is waited for."""
    places = connection.execute(select(endpoints.c.endpoint, endpoints.c.cursor).where(endpoints.c.configured)).all()
    held = [place.cursor + 1 for place in places]
    for place in places:
        waiting = select(func.min(rows.c.seq)).where(rows.c.endpoint == place.endpoint, rows.c.parked.is_(None))
        held.append(connection.execute(waiting).scalar() or place.cursor + 1)
    return min(held, default=None)


def forget(tx: Transaction, seqs: Sequence[int]) -> None:
    """Delete the rows of events that are deleted."""
    tx.connection.execute(delete(rows).where(rows.c.seq.in_(seqs)))


def _remove(tx: Transaction, key: str, now: float) -> None:
    tx.connection.execute(_endpoint(key).values(configured=False))
    while _park(tx, key, rows.c.seq > 0, now, problem=REMOVED) == BATCH:
        pass


def _park(tx: Transaction, key: str, condition: Any, now: float, **columns: Any) -> int:
    waiting = select(rows.c.seq, rows.c.lane).where(rows.c.endpoint == key, rows.c.parked.is_(None), condition)
    found = tx.connection.execute(waiting.order_by(rows.c.seq).limit(BATCH)).all()
    for row in found:
        _set(tx, key, [row.seq], next_at=None, parked=new_id("whp", now), **columns)
    promote(tx, key, {row.lane for row in found}, now)
    return len(found)


def _set(tx: Transaction, key: str, seqs: Sequence[int], **columns: Any) -> None:
    tx.connection.execute(update(rows).where(rows.c.endpoint == key, rows.c.seq.in_(seqs)).values(**columns))


def _with_events(key: str) -> Select[Any]:
    own = rows.c.lane, rows.c.at.label("began"), rows.c.tries, rows.c.next_at, rows.c.problem
    return select(events, *own).join(rows, events.c.seq == rows.c.seq).where(rows.c.endpoint == key)


def _row(row: Any) -> Row:
    return Row(seq=row.seq, lane=row.lane, at=row.began, tries=row.tries, next_at=row.next_at, problem=row.problem)


def _endpoint(key: str) -> Any:
    return update(endpoints).where(endpoints.c.endpoint == key)
