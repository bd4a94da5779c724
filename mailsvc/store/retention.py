"""What is deleted when it has been kept long enough."""

from sqlalchemy import Column, delete, select

from mailsvc.domain.identifier import new_id
from mailsvc.domain.message import MessageState
from mailsvc.store.idempotency import KEPT
from mailsvc.store.schema import attempts, challenges, events, idempotency, messages
from mailsvc.store.transaction import Transaction

#: Rows deleted in one transaction: a code that is being accepted waits behind it.
BATCH = 500


def prune(tx: Transaction, now: float, *, keep_messages: float, keep_events: float) -> bool:
    """Delete a batch of what is older than its retention (seconds); True when more may be left."""
    # Ids sort by the instant of their acceptance: no index is needed to find the old ones.
    oldest_kept = new_id("msg", now - keep_messages)
    old_messages = select(messages.c.id).where(
        messages.c.id < oldest_kept, messages.c.state != MessageState.QUEUED.value
    )
    ids = list(tx.connection.execute(old_messages.limit(BATCH)).scalars())
    if ids:
        tx.connection.execute(delete(attempts).where(attempts.c.message.in_(ids)))
        tx.connection.execute(delete(messages).where(messages.c.id.in_(ids)))
    full = [len(ids) == BATCH]
    for column, kept in (
        (events.c.at, keep_events),
        (idempotency.c.at, KEPT),
        (challenges.c.at, keep_messages),
    ):
        full.append(_prune(tx, column, now - kept))
    return any(full)


def _prune(tx: Transaction, column: Column[float], before: float) -> bool:
    table = column.table
    keys = list(table.primary_key)
    old = list(tx.connection.execute(select(*keys).where(column < before).limit(BATCH)))
    for row in old:
        tx.connection.execute(delete(table).where(*(key == value for key, value in zip(keys, row, strict=True))))
    return len(old) == BATCH
