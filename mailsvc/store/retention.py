"""What is deleted when it has been kept long enough."""

from sqlalchemy import Column, delete, select

from mailsvc.domain.identifier import earliest_id
from mailsvc.domain.message import MessageState
from mailsvc.domain.report import ReportState
from mailsvc.store import uses, webhooks
from mailsvc.store.idempotency import KEPT
from mailsvc.store.schema import attempts, challenges, destinations, events, idempotency, messages, reports
from mailsvc.store.transaction import Transaction

#: A site that had no mail for so long is a new one (seconds).
KEEP_DESTINATIONS = 30 * 86400.0
#: Rows deleted in one transaction: a code that is being accepted waits behind it.
BATCH = 500


def prune(tx: Transaction, now: float, *, keep_messages: float, keep_events: float, keep_reports: float) -> bool:
    """Delete a batch of what is older than its retention (seconds); True when more may be left."""
    # Ids sort by the instant of their acceptance: no index is needed to find the old ones.
    oldest_kept = earliest_id("msg", now - keep_messages)
    old_messages = select(messages.c.id).where(
        messages.c.id < oldest_kept, messages.c.state != MessageState.QUEUED.value
    )
    ids = list(tx.connection.execute(old_messages.limit(BATCH)).scalars())
    if ids:
        tx.connection.execute(delete(attempts).where(attempts.c.message.in_(ids)))
        tx.connection.execute(delete(messages).where(messages.c.id.in_(ids)))
    full = [len(ids) == BATCH, _prune_reports(tx, now - keep_reports), _prune_events(tx, now - keep_events)]
    for column, kept in (
        (idempotency.c.at, KEPT),
        (challenges.c.at, keep_messages),
        (destinations.c.at, KEEP_DESTINATIONS),
    ):
        full.append(_prune(tx, column, now - kept))
    full.append(uses.forget(tx, now - KEEP_DESTINATIONS, now))
    return any(full)


def _prune_reports(tx: Transaction, before: float) -> bool:
    """Delete old reports, whatever became of them; one that waits stays."""
    old = select(reports.c.id).where(
        reports.c.id < earliest_id("rep", before), reports.c.state != ReportState.PENDING.value
    )
    ids = list(tx.connection.execute(old.limit(BATCH)).scalars())
    if ids:
        tx.connection.execute(delete(reports).where(reports.c.id.in_(ids)))
    return len(ids) == BATCH


def _prune_events(tx: Transaction, before: float) -> bool:
    """Delete old events, but for what a webhook endpoint still waits for and all after it: the log has no holes."""
    old = select(events.c.seq).where(events.c.at < before)
    held = webhooks.held_from(tx.connection)
    if held is not None:
        old = old.where(events.c.seq < held)
    seqs = list(tx.connection.execute(old.limit(BATCH)).scalars())
    if seqs:
        webhooks.forget(tx, seqs)
        tx.connection.execute(delete(events).where(events.c.seq.in_(seqs)))
    return len(seqs) == BATCH


def _prune(tx: Transaction, column: Column[float], before: float) -> bool:
    table = column.table
    keys = list(table.primary_key)
    old = list(tx.connection.execute(select(*keys).where(column < before).limit(BATCH)))
    for row in old:
        tx.connection.execute(delete(table).where(*(key == value for key, value in zip(keys, row, strict=True))))
    return len(old) == BATCH
