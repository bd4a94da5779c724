"""What operators look for: messages by whatever they know of one, flagged addresses, webhook events of a message.

Every question is bounded and answered by an index.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from mailsvc.domain.address_state import AddressState, Record, as_of
from mailsvc.domain.event import EventType
from mailsvc.domain.message import Message, MessageState
from mailsvc.store.addresses import by_identity, by_tag, record_of
from mailsvc.store.messages import from_row
from mailsvc.store.schema import addresses, events, messages, webhook_endpoints
from mailsvc.store.schema import webhook_deliveries as rows

#: By these a message is found, beside its address.
NAMES = ("challenge", "customer", "reference")


@dataclass(frozen=True, slots=True)
class Known:
    """An address as it is now."""

    identity: str
    change: str | None  #: ``adr_…``: its last change, while something is wrong with it
    record: Record


@dataclass(frozen=True, slots=True)
class Undelivered:
    """An event of a message that a webhook endpoint has not taken."""

    url: str  #: without user part and query
    type: EventType
    at: float
    tries: int
    problem: str | None
    next_at: float | None
    parked: bool


def newest(connection: Connection, *, before: str | None, limit: int) -> Sequence[Message]:
    """Return messages, newest first."""
    query = select(messages)
    if before is not None:
        query = query.where(messages.c.id < before)
    return _messages(connection, query.order_by(messages.c.id.desc()).limit(limit))


def named(connection: Connection, names: Iterable[str], value: str, *, limit: int) -> Sequence[Message]:
    """Return messages that have a value under one of these `NAMES` or as their id, newest first."""
    found = {
        message.id: message
        for name in names
        for message in _messages(
            connection, select(messages).where(messages.c[name] == value).order_by(messages.c.id.desc()).limit(limit)
        )
    }
    found |= {message.id: message for message in _messages(connection, select(messages).where(messages.c.id == value))}
    return sorted(found.values(), key=lambda message: message.id, reverse=True)[:limit]


def to_address(connection: Connection, identity: str, *, limit: int) -> Sequence[Message]:
    """Return messages to an address, newest first."""
    query = select(messages).where(messages.c.address == identity).order_by(messages.c.accepted_at.desc())
    return _messages(connection, query.limit(limit))


def late(connection: Connection, before: float) -> int:
    """Return how many codes are queued that were accepted before an instant."""
    query = select(func.count()).where(
        messages.c.state == MessageState.QUEUED.value, messages.c.is_code, messages.c.accepted_at < before
    )
    return int(connection.execute(query).scalar_one())


def flagged(
    connection: Connection, now: float, *, state: AddressState | None, before: str | None, limit: int
) -> tuple[Sequence[Known], str | None]:
    """Return up to ``limit`` addresses with which something is wrong, the last changed first, and the cursor behind."""
    query = select(addresses).where(addresses.c.changed > "")
    if state is not None:
        query = query.where(addresses.c.state == state.value)
    if before is not None:
        query = query.where(addresses.c.changed < before)
    found = connection.execute(query.order_by(addresses.c.changed.desc()).limit(limit + 1)).all()
    known = [_known(connection, row, now) for row in found[:limit]]
    return known, found[limit - 1].changed if len(found) > limit else None


def address(
    connection: Connection,
    now: float,
    *,
    identity: str | None = None,
    change: str | None = None,
    tag: str | None = None,
) -> Known | None:
    """Return an address by its identity, its last change, or its tag; None where there is none."""
    if change is not None:
        identity = connection.execute(select(addresses.c.identity).where(addresses.c.changed == change)).scalar()
    row = by_tag(connection, tag) if tag else by_identity(connection, identity) if identity else None
    return None if row is None else _known(connection, row, now)


def undelivered(connection: Connection, message_id: str, limit: int) -> Sequence[Undelivered]:
    """Return the events of a message that webhook endpoints have not taken, in their order."""
    query = (
        select(events.c.type, events.c.at.label("told_at"), rows, webhook_endpoints.c.url)
        .join(rows, events.c.seq == rows.c.seq)
        .join(webhook_endpoints, webhook_endpoints.c.endpoint == rows.c.endpoint)
        .where(rows.c.lane == message_id)
        .order_by(rows.c.seq)
    )
    return [
        Undelivered(
            url=row.url,
            type=EventType(row.type),
            at=row.told_at,
            tries=row.tries,
            problem=row.problem,
            next_at=row.next_at,
            parked=row.parked is not None,
        )
        for row in connection.execute(query.limit(limit))
    ]


def _messages(connection: Connection, query: Any) -> Sequence[Message]:
    return [from_row(row) for row in connection.execute(query)]


def _known(connection: Connection, row: Any, now: float) -> Known:
    return Known(row.identity, row.changed, as_of(record_of(connection, row), now))
