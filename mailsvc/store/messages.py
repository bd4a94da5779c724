"""Messages and their attempts: rows to values and back, reading, and the few changes every caller shares."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from mailsvc.domain.address import parse
from mailsvc.domain.event import EventType
from mailsvc.domain.message import Message, MessageState, Outcome, Revocation
from mailsvc.domain.outcome import Attempt, Category, Permanence, Scope
from mailsvc.domain.reply import Stage
from mailsvc.domain.secret import Secret
from mailsvc.domain.view import message_view
from mailsvc.store.schema import attempts, messages
from mailsvc.store.transaction import Transaction

#: Columns that are fields of the same name and kind.
_PLAIN = (
    *("id", "api_key", "to", "template", "is_code", "locale", "reference", "tag", "challenge", "customer", "context"),
    *("accepted_at", "expires_at", "fence", "attempts", "ambiguous", "next_attempt_at", "at_risk", "used_at"),
)


def add(tx: Transaction, message: Message) -> None:
    """Insert a message with its sealed code."""
    row: dict[str, Any] = {name: getattr(message, name) for name in _PLAIN}
    row |= {
        "address": parse(message.to).identity,
        "code": tx.cipher.seal(message.code, message.id) if message.code else None,
        "context": dict(message.context),
        "half_life": message.half_life,
        "state": message.state.value,
    }
    tx.connection.execute(insert(messages), row)


def get(connection: Connection, message_id: str) -> Message | None:
    """Return a message without its code, None when there is none of this id."""
    row = connection.execute(select(messages).where(messages.c.id == message_id)).one_or_none()
    return None if row is None else from_row(row)


def any_there(connection: Connection) -> bool:
    """Whether the store has ever taken a message that is still kept."""
    return connection.execute(select(messages.c.id).limit(1)).first() is not None


def attempts_of(connection: Connection, message_id: str) -> list[Attempt]:
    """Return the attempts of a message in their order."""
    query = select(attempts).where(attempts.c.message == message_id).order_by(attempts.c.number)
    return [_attempt(row) for row in connection.execute(query)]


def view(connection: Connection, message: Message) -> dict[str, Any]:
    """Return the message as the outside reads it."""
    return message_view(message, attempts_of(connection, message.id))


def page(connection: Connection, filters: Mapping[str, str], *, before: str | None, limit: int) -> list[dict[str, Any]]:
    """Return the views of up to ``limit`` messages whose columns equal ``filters``, newest first."""
    query = select(messages).where(*(messages.c[name] == value for name, value in filters.items()))
    if before is not None:
        query = query.where(messages.c.id < before)
    rows = connection.execute(query.order_by(messages.c.id.desc()).limit(limit)).all()
    return [view(connection, from_row(row)) for row in rows]


def change(tx: Transaction, message: Message, **columns: Any) -> None:
    """Set columns of a message."""
    tx.connection.execute(update(messages).where(messages.c.id == message.id).values(**columns))


def end(tx: Transaction, message: Message, outcome: Outcome) -> None:
    """Make a message final: its outcome is written and its code wiped."""
    change(
        tx,
        message,
        state=outcome.state.value,
        code=None,
        next_attempt_at=None,
        ended_at=outcome.at,
        category=outcome.category,
        cause=outcome.cause,
        reply=outcome.reply,
        relayed=outcome.relayed,
    )


def add_attempt(tx: Transaction, message: Message, attempt: Attempt) -> None:
    """Insert an attempt that has ended."""
    row = {name: getattr(attempt, name) for name in Attempt.__dataclass_fields__}
    tx.connection.execute(insert(attempts), {"message": message.id, **row, "seconds": dict(attempt.seconds)})


def emit(
    tx: Transaction,
    message: Message,
    types: Sequence[EventType],
    at: float,
    made: Sequence[Attempt] | None = None,
) -> None:
    """Append events about a message; their data is its state after the change.

    ``made`` are its attempts where the caller knows them all.
    """
    if not types:
        return
    known = attempts_of(tx.connection, message.id) if made is None else made
    data = message_view(message, known)
    for type_ in types:
        tx.emit(
            type_,
            at,
            data=data,
            message=message.id,
            challenge=message.challenge,
            customer=message.customer,
            address=message.to,
        )


def from_row(row: Row[Any], code: Secret | None = None) -> Message:
    """Return the message of a row, with its code where the caller has opened it."""
    return Message(
        **{name: getattr(row, name) for name in _PLAIN},
        code=code,
        state=MessageState(row.state),
        revoked=Revocation(row.revoked) if row.revoked else None,
        outcome=_outcome(row),
    )


def _outcome(row: Row[Any]) -> Outcome | None:
    if row.ended_at is None:
        return None
    return Outcome(
        state=MessageState(row.state),
        at=row.ended_at,
        category=Category(row.category) if row.category else None,
        cause=Category(row.cause) if row.cause else None,
        reply=row.reply,
        relayed=bool(row.relayed),
    )


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        number=row.number,
        at=row.at,
        ended_at=row.ended_at,
        host=row.host,
        ip=row.ip,
        stage=Stage(row.stage),
        reply=row.reply,
        category=Category(row.category),
        cause=Category(row.cause) if row.cause else None,
        permanence=Permanence(row.permanence),
        scope=Scope(row.scope),
        status=row.status,
        tls=row.tls,
        seconds=tuple(row.seconds.items()),
        relayed=row.relayed,
        fallback=row.fallback,
    )
