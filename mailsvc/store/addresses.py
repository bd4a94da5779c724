"""Recipient addresses: the tag of each one's envelope sender."""

from sqlalchemy import insert, select, update

from mailsvc.domain.address import Address
from mailsvc.domain.identifier import new_tag
from mailsvc.store.schema import addresses
from mailsvc.store.transaction import Transaction


def tag_for(tx: Transaction, address: Address, now: float) -> str:
    """Return the recipient's tag, making it at the first mail; notes that the address is mailed now."""
    where = addresses.c.identity == address.identity
    tag: str | None = tx.connection.execute(select(addresses.c.tag).where(where)).scalar()
    if tag is not None:
        tx.connection.execute(update(addresses).where(where).values(mailed_at=now))
        return tag
    tag = new_tag()
    tx.connection.execute(insert(addresses), {"identity": address.identity, "tag": tag, "mailed_at": now})
    return tag
