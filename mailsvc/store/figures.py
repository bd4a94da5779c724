"""How codes fared, by minute and by hour, of all together and of each receiving site.

A reader of the event log adds what it read to the rows of the minute and of the hour, and its place in the log with
them in one transaction: an event counts once, whatever is killed when.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, or_, select

from mailsvc.domain.figures import Figures, Side
from mailsvc.domain.message import MessageState
from mailsvc.store import events
from mailsvc.store.schema import events as events_table
from mailsvc.store.schema import facts, figures
from mailsvc.store.sql import Prepared, upsert
from mailsvc.store.transaction import Transaction

#: Seconds that the rows of a minute and of an hour stand for, and for how long they are kept.
MINUTE = 60
HOUR = 3600
KEPT = {MINUTE: 3 * 3600.0, HOUR: 15 * 86400.0}
#: Stands for all receiving sites together.
ALL = ""
#: Events read, and rows deleted, at once: a code that is being accepted waits behind them.
BATCH = 500

_CURSOR = "figures"
_SIDES = [side.value for side in Side]
_KEY = ("span", "destination", "at")
_SAVE = upsert(figures, _KEY, ["codes", "on_time", *_SIDES, "detail"])
_ROW = Prepared(select(figures).where(*(figures.c[name] == bindparam(f"this_{name}") for name in _KEY)))
_UNREAD = Prepared(
    select(events_table.c.seq, events_table.c.at, events_table.c.address, events_table.c.data)
    .where(
        events_table.c.seq > bindparam("after"),
        events_table.c.seq <= bindparam("newest"),
        or_(*(events_table.c.type == f"message.{state}" for state in MessageState if state.final)),
    )
    .order_by(events_table.c.seq)
    .limit(BATCH)
)
_MOVE = upsert(facts, ["name"], ["value"])


@dataclass(frozen=True, slots=True)
class Standing:
    """How the codes to a receiving site fared."""

    destination: str
    codes: int
    on_time: int
    sides: Mapping[str, int]  #: attempts that did not deliver, by `Side`


class Ended(NamedTuple):
    """A message that has ended."""

    seq: int  #: where the log says so
    at: float
    address: str | None
    data: Mapping[str, Any]  #: the message, as CONTRACT 3.2 shows it


class Unread(NamedTuple):
    """The next part of the log."""

    ended: Sequence[Ended]
    before: int  #: how far the log was read
    after: int  #: how far it is with this
    more: bool  #: whether more may be left


def unread(connection: Connection) -> Unread:
    """Return the next messages that the log says have ended; where some of it is gone, those after that."""
    cursor = after = _cursor(connection)
    try:
        newest = events.check(connection, cursor)
    except events.CursorExpired as expired:
        after, newest = expired.oldest, events.last(connection)
    found = [Ended(*row) for row in _UNREAD.all(connection, after=after, newest=newest)]
    full = len(found) == BATCH
    return Unread(found, cursor, found[-1].seq if full else max(after, newest), full)


def add(tx: Transaction, read: tuple[int, int], found: Mapping[tuple[str, float], Figures], now: float) -> None:
    """Add figures, by site and instant, that were read between two places of the log.

    Nothing is added where somebody else has read on meanwhile.
    """
    before, after = read
    if _cursor(tx.connection) != before:
        return
    for span, kept in KEPT.items():
        rows: dict[tuple[str, float], Figures] = {}
        for (destination, at), more in found.items():
            start = at // span * span
            if start > now - kept:
                for name in (destination, ALL):
                    rows[name, start] = rows.get((name, start), Figures()) + more
        for (destination, start), more in rows.items():
            _add(tx, {"span": span, "destination": destination, "at": start}, more)
    _MOVE.all(tx.connection, name=_CURSOR, value=str(after))


def of(connection: Connection, destination: str, span: int, since: float) -> Sequence[tuple[float, Figures]]:
    """Return the figures of a site, or of `ALL`, in their order, each with the instant at which its stretch begins."""
    query = select(figures).where(
        figures.c.span == span, figures.c.destination == destination, figures.c.at >= since // span * span
    )
    return [(row.at, _from_row(row)) for row in connection.execute(query.order_by(figures.c.at))]


def by_destination(connection: Connection, span: int, since: float, limit: int) -> Sequence[Standing]:
    """Return how the codes to each site fared, the sites with most codes not on time first."""
    sums = {name: func.sum(figures.c[name]).label(name) for name in ("codes", "on_time", *_SIDES)}
    query = select(figures.c.destination, *sums.values()).where(
        figures.c.span == span, figures.c.at >= since // span * span, figures.c.destination != ALL
    )
    late = sums["codes"].element - sums["on_time"].element
    query = query.group_by(figures.c.destination).order_by(late.desc(), sums["codes"].element.desc()).limit(limit)
    return [
        Standing(row.destination, row.codes, row.on_time, {side: getattr(row, side) for side in _SIDES})
        for row in connection.execute(query)
    ]


def prune(tx: Transaction, now: float) -> bool:
    """Delete a batch of what has been kept long enough; True when more may be left."""
    return any(_prune(tx, span, now - kept) for span, kept in KEPT.items())


def _prune(tx: Transaction, span: int, before: float) -> bool:
    key = [figures.c[name] for name in _KEY]
    old = tx.connection.execute(select(*key).where(figures.c.span == span, figures.c.at < before).limit(BATCH)).all()
    for row in old:
        tx.connection.execute(delete(figures).where(*(column == value for column, value in zip(key, row, strict=True))))
    return len(old) == BATCH


def _add(tx: Transaction, key: Mapping[str, Any], more: Figures) -> None:
    row = _ROW.first(tx.connection, **{f"this_{name}": value for name, value in key.items()})
    known = (_from_row(row) if row else Figures()) + more
    detail = {name: getattr(known, name) for name in ("categories", "stages", "attempts")} | {
        "times": list(known.times)
    }
    sides = {side: known.sides.get(side, 0) for side in _SIDES}
    _SAVE.all(tx.connection, **key, codes=known.codes, on_time=known.on_time, **sides, detail=detail)


def _cursor(connection: Connection) -> int:
    value = connection.execute(select(facts.c.value).where(facts.c.name == _CURSOR)).scalar()
    return int(value) if value else 0


def _from_row(row: Any) -> Figures:
    return Figures(
        codes=row.codes,
        on_time=row.on_time,
        sides={side: many for side in _SIDES if (many := getattr(row, side))},
        **dict(_detail(row.detail)),
    )


def _detail(stored: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in stored.items():
        yield name, tuple(value) if name == "times" else value
