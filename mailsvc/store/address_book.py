"""What is asked of addresses from outside: the state of one, those with which something is wrong, to forget one."""

from typing import Any

from sqlalchemy import Connection, delete, select

from mailsvc.domain.address import Address
from mailsvc.domain.address_state import AddressState, Record, Standing, as_of
from mailsvc.domain.guidance import Guide
from mailsvc.domain.message import MessageState
from mailsvc.store.addresses import by_identity, record_of, save, standing_of, viewed
from mailsvc.store.schema import addresses, attempts, messages, rechecks
from mailsvc.store.transaction import Transaction


class AddressInUse(Exception):
    """A mail to the address is still queued."""


def state_of(connection: Connection, address: Address, guide: Guide, now: float) -> dict[str, Any]:
    """Return what is known of an address; one that was never mailed is ``unknown``."""
    row = by_identity(connection, address.identity)
    record = Record() if row is None else as_of(record_of(connection, row), now)
    return viewed(record, address.identity, guide)


def standing(connection: Connection, address: Address, now: float) -> Standing | None:
    """Return the state of an address, None when it was never mailed."""
    row = by_identity(connection, address.identity)
    return None if row is None else standing_of(connection, row, now)


def flagged(
    connection: Connection, guide: Guide, now: float, *, state: AddressState | None, after: str, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Return up to ``limit`` addresses with which something is wrong, and the cursor behind them, None at the end.

    The first that was flagged, or flagged otherwise, after the change ``after`` comes first.
    """
    query = select(addresses).where(addresses.c.changed > after)
    if state is not None:
        query = query.where(addresses.c.state == state.value)
    rows = connection.execute(query.order_by(addresses.c.changed).limit(limit + 1)).all()
    records = [(row, as_of(record_of(connection, row), now)) for row in rows[:limit]]
    found = [
        viewed(record, row.identity, guide, whole=True)
        for row, record in records
        if record.standing.state.flagged and state in (None, record.standing.state)
    ]
    return found, rows[limit - 1].changed if len(rows) > limit else None


def forget(tx: Transaction, identity: str, now: float) -> None:
    """Erase an address: its tag, its state, the evidence, and the messages to it with all that servers said of them.

    Raises `AddressInUse` while a mail to it is queued. Events keep their retention.
    """
    found = tx.connection.execute(select(messages.c.id, messages.c.state).where(messages.c.address == identity)).all()
    if any(row.state == MessageState.QUEUED for row in found):
        raise AddressInUse
    row = by_identity(tx.connection, identity)
    if row is not None:
        save(tx, identity, record_of(tx.connection, row), Record(), now, because="forgotten")
    for message in found:
        tx.connection.execute(delete(attempts).where(attempts.c.message == message.id))
        tx.connection.execute(delete(messages).where(messages.c.id == message.id))
    tx.connection.execute(delete(rechecks).where(rechecks.c.address == identity))
    tx.connection.execute(delete(addresses).where(addresses.c.identity == identity))
