"""The event log as it is read: in pages behind a cursor (CONTRACT 3.6)."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from mailsvc.domain.event import Event, EventType
from mailsvc.store.schema import events, facts
from mailsvc.store.transaction import Transaction

_LOG = "log"


class CursorExpired(Exception):
    """Events behind the cursor have been deleted; ``oldest`` is the oldest cursor that still reads everything kept."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"the oldest cursor is {oldest}")
        self.oldest = oldest


@dataclass(frozen=True, slots=True)
class Page:
    """Some events in their order."""

    events: Sequence[Event]
    next: int  #: the cursor behind this page; it has passed filtered events as well
    log: str  #: the name of the log; another one after a restore


def page(connection: Connection, after: int, types: Sequence[EventType], limit: int) -> Page:
    """Return up to ``limit`` events behind a cursor; raise `CursorExpired` when some of them are gone."""
    newest = check(connection, after)
    query = select(events).where(events.c.seq > after, events.c.seq <= newest)
    if types:
        query = query.where(events.c.type.in_([type_.value for type_ in types]))
    found = [from_row(row) for row in connection.execute(query.order_by(events.c.seq).limit(limit))]
    cursor = found[-1].seq if len(found) == limit else max(after, newest)
    return Page(found, cursor, log_name(connection))


def check(connection: Connection, after: int) -> int:
    """Return the last number that the log has given; raise `CursorExpired` when events behind a cursor are gone."""
    # Each alone is one look into the index; both at once read the whole log.
    ends = [select(end(events.c.seq)).scalar_subquery() for end in (func.min, func.max)]
    oldest, newest = connection.execute(select(*ends)).one()
    given = _last_given(connection, newest)
    oldest_cursor = given if oldest is None else oldest - 1
    if after < oldest_cursor:
        raise CursorExpired(oldest_cursor)
    return given


def last(connection: Connection) -> int:
    """Return the last number that the log has given."""
    return _last_given(connection, connection.execute(select(func.max(events.c.seq))).scalar())


def ensure_log(tx: Transaction) -> None:
    """Give the log of a new database its name."""
    if tx.connection.execute(select(facts.c.value).where(facts.c.name == _LOG)).first() is None:
        tx.connection.execute(facts.insert(), {"name": _LOG, "value": secrets.token_hex(8)})


def log_name(connection: Connection) -> str:
    """Return the name of the log."""
    return str(connection.execute(select(facts.c.value).where(facts.c.name == _LOG)).scalar_one())


def from_row(row: Row[Any]) -> Event:
    """Return the event of a row."""
    return Event(
        seq=row.seq,
        id=row.id,
        type=EventType(row.type),
        at=row.at,
        message=row.message,
        challenge=row.challenge,
        customer=row.customer,
        address=row.address,
        data=row.data,
    )


def _last_given(connection: Connection, newest: int | None) -> int:
    if newest is not None or connection.dialect.name != "sqlite":
        return newest or 0
    query = "SELECT seq FROM sqlite_sequence WHERE name = 'events'"
    return int(connection.exec_driver_sql(query).scalar() or 0)
