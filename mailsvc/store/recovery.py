"""What becomes of attempts that nobody runs any more: their process stopped, or they failed unrecorded (DESIGN 2.2).

An attempt whose mail may have been handed over is recorded as ambiguous; one that had not got so far as interrupted.
Both are repeated while life remains.
"""

from sqlalchemy import Connection, select

from mailsvc.domain.message import Message, MessageState
from mailsvc.domain.outcome import Attempt, Category, Permanence, Scope
from mailsvc.domain.reply import Stage
from mailsvc.store import lifecycle, messages
from mailsvc.store.schema import messages as table
from mailsvc.store.transaction import Transaction


def open_attempts(connection: Connection) -> list[str]:
    """Return the ids of queued messages whose attempt is open."""
    query = select(table.c.id).where(table.c.state == MessageState.QUEUED.value, table.c.next_attempt_at.is_(None))
    return list(connection.execute(query).scalars())


def close_attempt(tx: Transaction, message_id: str, now: float) -> Message | None:
    """Record the end of an abandoned attempt; return the message then, None where there was nothing to do."""
    message = messages.get(tx.connection, message_id)
    running = tx.gate.open(message_id)
    if message is None or running or message.state.final or message.next_attempt_at is not None:
        return None
    attempt = _ambiguous(message, now) if tx.gate.may_have_left(message_id) else _interrupted(message, now)
    return lifecycle.conclude(tx, message_id, [attempt], now)


def _ambiguous(message: Message, now: float) -> Attempt:
    return _attempt(message, now, Stage.DOT, Permanence.AMBIGUOUS, "the service stopped while the mail was handed over")


def _interrupted(message: Message, now: float) -> Attempt:
    return _attempt(
        message, now, Stage.CONNECT, Permanence.STOPPED, "the service stopped before the mail was handed over"
    )


def _attempt(message: Message, now: float, stage: Stage, permanence: Permanence, reply: str) -> Attempt:
    return Attempt(
        number=message.attempts + 1,
        at=message.accepted_at,
        ended_at=now,
        host=None,
        ip=None,
        stage=stage,
        reply=reply,
        category=Category.NETWORK_ERROR,
        permanence=permanence,
        scope=Scope.SESSION,
    )
