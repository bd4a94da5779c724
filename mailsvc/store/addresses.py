"""Recipient addresses: the tag of each one's envelope sender."""

from sqlalchemy import bindparam, insert, select

from mailsvc.domain.address import Address
from mailsvc.domain.identifier import new_tag
from mailsvc.store.schema import addresses
from mailsvc.store.sql import Prepared
from mailsvc.store.transaction import Transaction

_TAG = Prepared(select(addresses.c.tag).where(addresses.c.identity == bindparam("identity")))
_ADD = Prepared(insert(addresses))


def tag_for(tx: Transaction, address: Address, now: float) -> str:
    """Return the recipient's tag, making it at the first mail."""
    known = _TAG.first(tx.connection, identity=address.identity)
    if known is not None:
        return str(known.tag)
    tag = new_tag()
    _ADD.all(tx.connection, identity=address.identity, tag=tag, first_mailed_at=now)
    return tag
