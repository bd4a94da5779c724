"""Messages and their attempts: rows to values and back, reading, and the few changes every caller shares."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from enum import StrEnum
from types import EllipsisType
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from mailsvc.domain.address import parse
from mailsvc.domain.event import EventType
from mailsvc.domain.feedback import Feedback
from mailsvc.domain.guidance import Guide
from mailsvc.domain.message import Message, MessageState, Outcome, Revocation
from mailsvc.domain.outcome import Attempt, Category, Permanence, Scope
from mailsvc.domain.reply import Stage
from mailsvc.domain.report import Action, ReportSource
from mailsvc.domain.secret import Secret
from mailsvc.domain.view import message_view
from mailsvc.store.addresses import by_tag, note_of
from mailsvc.store.schema import attempts, messages
from mailsvc.store.sql import Prepared, binds
from mailsvc.store.transaction import Transaction

#: Columns that are fields of the same name and kind.
_PLAIN = (
    *("id", "api_key", "to", "template", "is_code", "locale", "reference", "tag", "challenge", "customer", "context"),
    *("accepted_at", "expires_at", "fence", "attempts", "ambiguous", "next_attempt_at", "at_risk", "used_at"),
)
_THIS = messages.c.id == bindparam("message")
_ADD = Prepared(insert(messages))
_GET = Prepared(select(messages).where(_THIS))
_COUNTS = {name: f"new_{name}" for name in ("attempts", "ambiguous", "next_attempt_at")}
_ENDS = {
    name: f"new_{name}"
    for name in (
        *("attempts", "ambiguous", "next_attempt_at"),
        *("state", "code", "ended_at", "category", "cause", "reply", "relayed"),
    )
}
_COUNT = Prepared(update(messages).where(_THIS).values(binds(messages, _COUNTS)))
_END = Prepared(update(messages).where(_THIS).values(binds(messages, _ENDS)))
_ADD_ATTEMPT = Prepared(insert(attempts))
_ATTEMPTS = Prepared(select(attempts).where(attempts.c.message == bindparam("message")).order_by(attempts.c.number))


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
    _ADD.all(tx.connection, **row)


def get(connection: Connection, message_id: str) -> Message | None:
    """Return a message without its code, None when there is none of this id."""
    row = row_of(connection, message_id)
    return None if row is None else from_row(row)


def row_of(connection: Connection, message_id: str) -> Any:
    """Return the row of a message, None when there is none of this id."""
    return _GET.first(connection, message=message_id)


def any_there(connection: Connection) -> bool:
    """Whether the store has ever taken a message that is still kept."""
    return connection.execute(select(messages.c.id).limit(1)).first() is not None


def attempts_of(connection: Connection, message_id: str) -> list[Attempt]:
    """Return the attempts of a message in their order."""
    return [_attempt(row) for row in _ATTEMPTS.all(connection, message=message_id)]


def view(connection: Connection, message: Message, guide: Guide, now: float) -> dict[str, Any]:
    """Return the message as the outside reads it, with what is wrong with its address now."""
    address = note_of(connection, by_tag(connection, message.tag), guide, now)
    return message_view(message, attempts_of(connection, message.id), address)


def page(
    connection: Connection, filters: Mapping[str, str], guide: Guide, now: float, *, before: str | None, limit: int
) -> list[dict[str, Any]]:
    """Return the views of up to ``limit`` messages whose columns equal ``filters``, newest first."""
    query = select(messages).where(*(messages.c[name] == value for name, value in filters.items()))
    if before is not None:
        query = query.where(messages.c.id < before)
    rows = connection.execute(query.order_by(messages.c.id.desc()).limit(limit)).all()
    return [view(connection, from_row(row), guide, now) for row in rows]


def change(tx: Transaction, message: Message, **columns: Any) -> None:
    """Set columns of a message."""
    tx.connection.execute(update(messages).where(messages.c.id == message.id).values(**columns))


def count(tx: Transaction, message: Message) -> None:
    """Write down how many attempts a queued message has behind it, and when the next one begins."""
    _COUNT.all(
        tx.connection,
        message=message.id,
        new_attempts=message.attempts,
        new_ambiguous=message.ambiguous,
        new_next_attempt_at=message.next_attempt_at,
    )


def end(tx: Transaction, message: Message, outcome: Outcome) -> None:
    """Make a message final: its outcome and counts are written and its code wiped."""
    _END.all(
        tx.connection,
        message=message.id,
        new_attempts=message.attempts,
        new_ambiguous=message.ambiguous,
        new_state=outcome.state.value,
        new_ended_at=outcome.at,
        new_category=outcome.category,
        new_cause=outcome.cause,
        new_reply=outcome.reply,
        new_relayed=outcome.relayed,
    )


def add_attempt(tx: Transaction, message: Message, attempt: Attempt) -> None:
    """Insert an attempt that has ended."""
    row = {name: getattr(attempt, name) for name in Attempt.__dataclass_fields__}
    _ADD_ATTEMPT.all(tx.connection, message=message.id, **row | {"seconds": dict(attempt.seconds)})


def emit(
    tx: Transaction,
    message: Message,
    types: Sequence[EventType],
    at: float,
    made: Sequence[Attempt] | None = None,
    *,
    address: Mapping[str, Any] | EllipsisType | None = ...,
) -> None:
    """Append events about a message; their data is its state after the change.

    ``made`` are its attempts, ``address`` is what is wrong with its recipient, where the caller knows them.
    """
    if not types:
        return
    known = attempts_of(tx.connection, message.id) if made is None else made
    if address is ...:
        address = note_of(tx.connection, by_tag(tx.connection, message.tag), tx.guide, at)
    data = message_view(message, known, address)
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


def from_row(row: Any, code: Secret | None = None) -> Message:
    """Return the message of a row, with its code where the caller has opened it."""
    return Message(
        **{name: getattr(row, name) for name in _PLAIN},
        code=code,
        state=MessageState(row.state),
        revoked=Revocation(row.revoked) if row.revoked else None,
        outcome=_outcome(row),
        feedback=tuple(map(_feedback, row.feedback or ())),
    )


def add_feedback(tx: Transaction, message: Message, told: Sequence[Feedback]) -> Message:
    """Note what came back about a message; return it as it stands then."""
    message = replace(message, feedback=(*message.feedback, *told))
    change(tx, message, feedback=[asdict(one) for one in message.feedback])
    return message


def _feedback(stored: Mapping[str, Any]) -> Feedback:
    kinds: dict[str, type[StrEnum]] = {
        "action": Action,
        "category": Category,
        "cause": Category,
        "source": ReportSource,
    }
    values = dict(stored)
    values.update({name: kind(stored[name]) for name, kind in kinds.items() if stored[name]})
    return Feedback(**values)


def _outcome(row: Any) -> Outcome | None:
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


def _attempt(row: Any) -> Attempt:
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
        destination=row.destination,
        handed_over_at=row.handed_over_at,
    )
