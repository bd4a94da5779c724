"""Recipient addresses as rows: the tag of each one's envelope sender, its state, the evidence for it.

What changes a state is decided in ``domain.address_state`` and done in ``address_states``; here it is read and written.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from mailsvc.domain.address import parse
from mailsvc.domain.address_state import AddressState, Evidence, Record, Source, Standing, Strength, as_of
from mailsvc.domain.event import EventType
from mailsvc.domain.guidance import Guide
from mailsvc.domain.identifier import new_id, new_tag
from mailsvc.domain.outcome import Category
from mailsvc.domain.reply import Stage
from mailsvc.domain.view import address_note, address_view
from mailsvc.store.schema import addresses, evidence
from mailsvc.store.sql import Prepared
from mailsvc.store.transaction import Transaction

_STANDING = ("state", "since", "until", "category")
_ROW = [addresses.c[name] for name in ("identity", "tag", *_STANDING, "passed_at", "changed")]
_BY_IDENTITY = Prepared(select(*_ROW).where(addresses.c.identity == bindparam("identity")))
_BY_TAG = Prepared(select(*_ROW).where(addresses.c.tag == bindparam("tag")))
_ADD = Prepared(insert(addresses))
_EVIDENCE = select(evidence).order_by(evidence.c.at)


def by_identity(connection: Connection, identity: str) -> Any:
    """Return the row of an address, None when it was never mailed."""
    return _BY_IDENTITY.first(connection, identity=identity)


def by_tag(connection: Connection, tag: str) -> Any:
    """Return the row of the address whose envelope sender has this tag, None when there is none."""
    return _BY_TAG.first(connection, tag=tag)


def add(tx: Transaction, identity: str, now: float) -> str:
    """Insert an address at its first mail; return its tag."""
    tag = new_tag()
    _ADD.all(tx.connection, identity=identity, tag=tag, first_mailed_at=now, state=AddressState.UNKNOWN.value)
    return tag


def record_of(connection: Connection, row: Any) -> Record:
    """Return what is stored of an address, which may have lapsed."""
    standing = _standing(row)
    if not standing.state.flagged:
        return Record(standing=standing)
    found = connection.execute(_EVIDENCE.where(evidence.c.address == row.identity))
    return Record(standing=standing, evidence=tuple(map(_evidence, found)), passed_at=row.passed_at)


def standing_of(connection: Connection, row: Any, now: float) -> Standing:
    """Return the state of an address now."""
    if row.until is not None and row.until <= now:
        return as_of(record_of(connection, row), now).standing
    return _standing(row)


def note_of(connection: Connection, row: Any, guide: Guide, now: float) -> dict[str, Any] | None:
    """Return what is wrong with an address, as messages carry it; None while nothing is."""
    if row is None or row.changed is None:
        return None
    return noted(standing_of(connection, row, now), row.identity, guide)


def noted(standing: Standing, identity: str, guide: Guide) -> dict[str, Any] | None:
    """Return the note of a state."""
    return address_note(standing, _texts(standing, identity, guide)) if standing.state.flagged else None


def viewed(record: Record, identity: str, guide: Guide, *, whole: bool = False) -> dict[str, Any]:
    """Return an address as the outside reads it, masked unless ``whole``."""
    address = parse(identity)
    texts = _texts(record.standing, identity, guide)
    return address_view(address.wire if whole else address.masked, record, texts)


def save(
    tx: Transaction,
    identity: str,
    before: Record,
    after: Record,
    now: float,
    *,
    because: str,
    customer: str | None = None,
    reason: str | None = None,
) -> None:
    """Write a record over another, and tell what changed; a first delivery is no news."""
    if after == before:
        return
    old, new = before.standing, after.standing
    values: dict[str, Any] = {name: getattr(new, name) for name in _STANDING} | {"passed_at": after.passed_at}
    if new.state is not old.state:
        values["proof_at"] = None
    if (new.state, new.category) != (old.state, old.category):
        values["changed"] = new_id("adr", now) if new.state.flagged else None
    tx.connection.execute(update(addresses).where(addresses.c.identity == identity).values(**values))
    _save_evidence(tx, identity, before.evidence, after.evidence)
    if "changed" in values and (old.state.flagged or new.state.flagged):
        told = {"previous": old.state.value, "because": because, "reason": reason}
        tx.emit(
            EventType.ADDRESS_CHANGED,
            now,
            data=viewed(after, identity, tx.guide) | told,
            customer=customer,
            address=parse(identity).wire,
        )


def _save_evidence(tx: Transaction, identity: str, before: tuple[Evidence, ...], after: tuple[Evidence, ...]) -> None:
    for gone in set(before) - set(after):
        this = [column == value for column, value in zip(evidence.primary_key, _key(identity, gone), strict=True)]
        tx.connection.execute(delete(evidence).where(*this))
    for new in set(after) - set(before):
        values = {name: getattr(new, name) for name in ("at", "strength", "stage", "reply")}
        keys = dict(zip(evidence.primary_key.columns.keys(), _key(identity, new), strict=True))
        tx.connection.execute(insert(evidence).values(**keys, **values, destination=new.destination or ""))


def _key(identity: str, known: Evidence) -> tuple[str, ...]:
    return identity, known.source.value, known.category.value, known.message or ""


def _texts(standing: Standing, identity: str, guide: Guide) -> Mapping[str, str]:
    return guide(standing.state, standing.category, identity.rpartition("@")[2])


def _standing(row: Any) -> Standing:
    category = Category(row.category) if row.category else None
    return Standing(state=AddressState(row.state), since=row.since, until=row.until, category=category)


def _evidence(row: Any) -> Evidence:
    return Evidence(
        at=row.at,
        source=Source(row.source),
        strength=Strength(row.strength),
        category=Category(row.category),
        stage=Stage(row.stage) if row.stage else None,
        reply=row.reply,
        message=row.message or None,
        destination=row.destination or None,
    )
