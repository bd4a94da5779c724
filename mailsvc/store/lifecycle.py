"""A message's way through the store after it was accepted: claimed, attempted, concluded, revoked, expired, used.

Each function is one transaction's work: the rule comes from ``domain.settlement``, the row is changed, and the event
is emitted together with it.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import EllipsisType
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, case, func, select

from mailsvc.domain import fallback, retry, settlement
from mailsvc.domain.event import EventType
from mailsvc.domain.message import Message, MessageState, Outcome, Revocation
from mailsvc.domain.outcome import Attempt
from mailsvc.domain.settlement import Settlement
from mailsvc.store import address_states, messages
from mailsvc.store.cipher import CipherError
from mailsvc.store.schema import messages as table
from mailsvc.store.transaction import Transaction

#: Rows that one sweep takes up.
SWEEP_MAX = 500


def enter(tx: Transaction, message: Message) -> None:
    """Open the dot gate for an attempt that the work's caller is about to run."""
    tx.gate.enter(message.id, message.fence)
    tx.begun.append(message.id)
    tx.on_rollback(lambda: tx.gate.leave(message.id))


def claim(tx: Transaction, message_id: str, now: float) -> Message | None:
    """Take a due message for an attempt, with its code; None when it is not (or no longer) to be tried.

    A message that nobody tried in time ends here.
    """
    if tx.gate.open(message_id):  # the end of the attempt before is stored, but its runner is not yet through the gate
        return None
    row = messages.row_of(tx.connection, message_id)
    if row is None or row.state != MessageState.QUEUED or row.next_attempt_at is None or row.next_attempt_at > now:
        return None
    message = messages.from_row(row)
    tries = messages.attempts_of(tx.connection, message_id)
    try:
        message = replace(message, code=tx.cipher.open(row.code, row.id) if row.code else None)
    except CipherError as error:
        _apply(tx, message, settlement.give_up(message, tries, str(error), now=now), now, tries)
        return None
    if retry.too_late(message, now):
        _apply(tx, message, settlement.expire(message, tries, now=now), now, tries)
        return None
    claimed = replace(
        message,
        fence=message.fence + 1,
        next_attempt_at=None,
        stay_with=retry.stay_with(tries),
        by_fallback=fallback.is_next(message, tries, now),
    )
    messages.change(tx, claimed, fence=claimed.fence, next_attempt_at=None)
    enter(tx, claimed)
    return claimed


def conclude(
    tx: Transaction, message_id: str, made: Sequence[Attempt], now: float, *, has_fallback: bool = False
) -> Message:
    """Record the attempts of one round, in their order, and what follows from the last; return the message then."""
    message = _stored(tx, message_id)
    for attempt in made:
        messages.add_attempt(tx, message, attempt)
    ambiguous = sum(attempt.ambiguous for attempt in made)
    counted = replace(message, attempts=message.attempts + len(made), ambiguous=message.ambiguous + ambiguous)
    tries = messages.attempts_of(tx.connection, message_id) if message.attempts else made
    # Jitter spreads retries; nothing secret hangs on it.
    jitter = random.random()  # noqa: S311
    settled = settlement.settle(message, tries, now=now, jitter=jitter, has_fallback=has_fallback)
    address = address_states.heard(tx, message, made, now)
    return _apply(tx, counted, settled, now, tries, address=address)


def revoke(tx: Transaction, message: Message, why: Revocation, now: float) -> Message:
    """End a queued message, or mark it when its mail is being handed over; return it as it stands then.

    The end tells that nothing is handed over from now on, and leaves open whether an ambiguous attempt before has left
    a copy: that stands in the attempts. `raced` is only what is in flight now (CONTRACT 3.1).
    One that is marked already stays as it is: the first reason counts.
    """
    if message.revoked:
        return message
    # The end of an attempt may be recorded while its runner is still in the gate: then nothing is in flight any more.
    raced = tx.gate.revoke(message.id) and message.next_attempt_at is None
    tx.on_rollback(lambda: tx.gate.reinstate(message.id))
    if raced:
        messages.change(tx, message, revoked=why.value)
        return replace(message, revoked=why)
    outcome = Outcome(state=MessageState(why), at=now)
    ended = Settlement(outcome, None, (EventType(f"message.{why}"),))
    return _apply(tx, message, ended, now, None)


def cancel(tx: Transaction, message_id: str, now: float) -> Message:
    """Cancel a message that the caller no longer wants; one that is final stays as it is."""
    message = _stored(tx, message_id)
    if message.state.final:
        return message
    return revoke(tx, message, Revocation.CANCELLED, now)


def use(tx: Transaction, message_id: str, at: float, now: float) -> Message:
    """Note that the code was entered (once: the first report counts)."""
    message = _stored(tx, message_id)
    if message.used_at is not None:
        return message
    used = replace(message, used_at=at)
    messages.change(tx, used, used_at=at)
    address_states.used(tx, used, now)
    messages.emit(tx, used, [EventType.MESSAGE_USED], now)
    return used


def due(connection: Connection, now: float) -> list[str]:
    """Return ids of queued messages whose next try is due, the nearest deadline first."""
    query = select(table.c.id).where(table.c.state == MessageState.QUEUED.value, table.c.next_attempt_at <= now)
    return list(connection.execute(query.order_by(table.c.expires_at).limit(SWEEP_MAX)).scalars())


def waiting(connection: Connection) -> list[tuple[str, float]]:
    """Return id and instant of every try that is still to come."""
    query = select(table.c.id, table.c.next_attempt_at).where(
        table.c.state == MessageState.QUEUED.value, table.c.next_attempt_at.is_not(None)
    )
    return [(row.id, row.next_attempt_at) for row in connection.execute(query)]


class Backlog(NamedTuple):
    """What is queued."""

    messages: int
    oldest: float | None  #: when the oldest message was accepted
    untried: float | None  #: when the oldest code was accepted of which no attempt has ended


def backlog(connection: Connection) -> Backlog:
    """Return what is queued."""
    untried = case((and_(table.c.is_code, table.c.attempts == 0), table.c.accepted_at))
    query = select(func.count(), func.min(table.c.accepted_at), func.min(untried))
    return Backlog(*connection.execute(query.where(table.c.state == MessageState.QUEUED.value)).one())


def report_risks(tx: Transaction, now: float) -> None:
    """Report queued messages whose life is half gone, once each."""
    query = select(table).where(
        table.c.state == MessageState.QUEUED.value, table.c.half_life <= now, table.c.at_risk.is_(False)
    )
    for row in tx.connection.execute(query.limit(SWEEP_MAX)).all():
        message = replace(messages.from_row(row), at_risk=True)
        messages.change(tx, message, at_risk=True)
        messages.emit(tx, message, [EventType.MESSAGE_AT_RISK], now)


def _stored(tx: Transaction, message_id: str) -> Message:
    message = messages.get(tx.connection, message_id)
    if message is None:
        raise KeyError(message_id)
    return message


def _apply(
    tx: Transaction,
    message: Message,
    settled: Settlement,
    now: float,
    made: Sequence[Attempt] | None,
    *,
    address: Mapping[str, Any] | EllipsisType | None = ...,
) -> Message:
    if settled.outcome:
        messages.end(tx, message, settled.outcome)
        message = replace(message, state=settled.outcome.state, outcome=settled.outcome, next_attempt_at=None)
    else:
        if settled.next_attempt_at is not None:
            message = replace(message, next_attempt_at=settled.next_attempt_at)
        messages.count(tx, message)
    messages.emit(tx, message, settled.events, now, made, address=address)
    return message
