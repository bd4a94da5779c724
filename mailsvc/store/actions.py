"""What operators did: who, when, to what, and why; written in the transaction that does it, never changed.

A subject is an id or a masked address. Kept for two years.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select

from mailsvc.domain.access import ApiKey
from mailsvc.domain.identifier import earliest_id, instant_of, new_id
from mailsvc.store.schema import operator_actions
from mailsvc.store.transaction import Transaction

#: Seconds that an entry is kept.
KEPT = 730 * 86400.0


class Action(StrEnum):
    """What operators do, in the console or over HTTP."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    REVEAL = "reveal"  #: an address was shown in full
    CLEAR = "clear"
    FORGET = "forget"
    EXPORT = "export"  #: the flagged addresses were taken away as a file
    RETRY_REPORT = "retry_report"
    REPLAY = "replay"
    NEW_KEY = "new_key"
    REVOKE_KEY = "revoke_key"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log."""

    id: str  #: ``act_`` and 28 letters
    key: str  #: id of the API key that the operator signed in with
    name: str  #: its name then
    action: Action
    subject: str | None  #: what was acted on
    detail: str | None  #: the reason given, or how much it was

    @property
    def at(self) -> float:
        """When it was done."""
        return instant_of(self.id)


def record(
    tx: Transaction,
    operator: ApiKey,
    action: Action,
    now: float,
    *,
    subject: str | None = None,
    detail: str | None = None,
) -> None:
    """Note what an operator does."""
    row = {
        "id": new_id("act", now),
        "key": operator.id,
        "name": operator.name,
        "action": action.value,
        "subject": subject,
        "detail": detail,
    }
    tx.connection.execute(insert(operator_actions), row)


def page(connection: Connection, *, before: str | None, limit: int) -> tuple[Sequence[Entry], str | None]:
    """Return up to ``limit`` entries, newest first, and the cursor behind them, None at the end."""
    query = select(operator_actions)
    if before is not None:
        query = query.where(operator_actions.c.id < before)
    rows = connection.execute(query.order_by(operator_actions.c.id.desc()).limit(limit + 1)).all()
    found = [Entry(row.id, row.key, row.name, Action(row.action), row.subject, row.detail) for row in rows[:limit]]
    return found, found[-1].id if len(rows) > limit else None


def prune(tx: Transaction, now: float) -> None:
    """Delete what has been kept long enough."""
    tx.connection.execute(delete(operator_actions).where(operator_actions.c.id < earliest_id("act", now - KEPT)))
