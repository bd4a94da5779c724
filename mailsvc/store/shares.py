"""What share of its attempts each receiving site answers with "unknown", and which sites are not believed just now.

The last ten minutes are counted in memory (`Shares`), which costs an attempt nothing in SQL; they become the site's
history once they are past, unless it is frozen. A process that is killed forgets its last ten minutes.
"""

from sqlalchemy import Connection, select, update

from mailsvc.domain.mass_change import WINDOW, Counts, abnormal
from mailsvc.store.schema import destinations
from mailsvc.store.sql import upsert
from mailsvc.store.transaction import Transaction

#: Sites whose history is written in one transaction.
BATCH = 500

_MERGE = upsert(destinations, ["destination"], ["at", "attempts", "unknown"])


def is_frozen(connection: Connection, destination: str) -> bool:
    """Whether a site is not believed just now."""
    query = select(destinations.c.frozen_at).where(destinations.c.destination == destination)
    return connection.execute(query).scalar() is not None


def frozen(connection: Connection) -> dict[str, float]:
    """Return the sites that are not believed just now, each with the instant since when."""
    query = select(destinations.c.destination, destinations.c.frozen_at).where(destinations.c.frozen_at.is_not(None))
    return {row.destination: row.frozen_at for row in connection.execute(query)}


def freeze_if_abnormal(tx: Transaction, destination: str, now: float) -> bool:
    """Stop to believe a site that calls too many addresses unknown; True when that begins now."""
    if is_frozen(tx.connection, destination) or not _abnormal(tx, destination, now):
        return False
    history = _history(tx.connection, destination, now)
    _MERGE.all(tx.connection, destination=destination, at=now, attempts=history.attempts, unknown=history.unknown)
    _set_frozen(tx, destination, now)
    return True


def thaw(tx: Transaction, destination: str, since: float, now: float) -> None:
    """Believe a site again whose share has been normal for a whole window."""
    if now - since >= WINDOW and not _abnormal(tx, destination, now):
        _set_frozen(tx, destination, None)


def merge(tx: Transaction, now: float) -> None:
    """Write down what is past; what a frozen site said is no history."""
    for destination, counts in tx.shares.take_past(now, BATCH):
        if not is_frozen(tx.connection, destination):
            total = _history(tx.connection, destination, now) + counts
            _MERGE.all(tx.connection, destination=destination, at=now, attempts=total.attempts, unknown=total.unknown)


def _abnormal(tx: Transaction, destination: str, now: float) -> bool:
    return abnormal(tx.shares.window(destination, now), _history(tx.connection, destination, now))


def _history(connection: Connection, destination: str, now: float) -> Counts:
    row = connection.execute(select(destinations).where(destinations.c.destination == destination)).one_or_none()
    return Counts() if row is None else Counts(row.attempts, row.unknown).aged(now - row.at)


def _set_frozen(tx: Transaction, destination: str, at: float | None) -> None:
    this = destinations.c.destination == destination
    tx.connection.execute(update(destinations).where(this).values(frozen_at=at))
