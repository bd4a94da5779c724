"""What happens to the state of an address: attempts, reports, use, operators, time, and sites that lie (CONTRACT 3.5).

Each function is one step of a transaction. The rules are ``domain.address_state``'s; whatever changes a state emits
``address.changed`` with it. Evidence of an address that is not known changes nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from mailsvc.domain.address import Address
from mailsvc.domain.address_state import (
    UNKNOWNS,
    AddressState,
    Evidence,
    Record,
    Source,
    Standing,
    Strength,
    as_of,
    learn,
    withdraw,
)
from mailsvc.domain.hearing import evidence_of, speaks
from mailsvc.domain.mass_change import WINDOW
from mailsvc.domain.message import Message
from mailsvc.domain.outcome import Attempt, Category
from mailsvc.store import shares
from mailsvc.store.addresses import add, by_identity, by_tag, note_of, noted, record_of, save, standing_of
from mailsvc.store.schema import addresses, attempts, evidence, messages
from mailsvc.store.sql import Prepared
from mailsvc.store.transaction import Transaction

#: A mail to an undeliverable address is let through so often, as proof (seconds).
PROOF_INTERVAL = 3600.0
#: Addresses that one sweep takes up.
SWEEP_MAX = 500

_FIRST = Prepared(
    update(addresses)
    .where(addresses.c.identity == bindparam("this"), addresses.c.state == AddressState.UNKNOWN.value)
    .values(state=AddressState.DELIVERABLE.value, since=bindparam("now", type_=addresses.c.since.type))
)


class AddressUndeliverable(Exception):
    """No mail is accepted for this address; ``note`` says why and what to do."""

    def __init__(self, note: dict[str, Any]) -> None:
        super().__init__("the address is undeliverable")
        self.note = note


def admit(tx: Transaction, address: Address, now: float, *, force: bool) -> tuple[str, dict[str, Any] | None]:
    """Return the tag of a recipient and what is wrong with it, making its row at the first mail.

    Raises `AddressUndeliverable`, but not for the first mail of an hour: that one is the proof.
    """
    row = by_identity(tx.connection, address.identity)
    if row is None:
        return add(tx, address.identity, now), None
    note = note_of(tx.connection, row, tx.guide, now)
    undeliverable = note is not None and note["state"] == AddressState.UNDELIVERABLE
    if note and undeliverable and not force and not _may_prove(tx, row.identity, now):
        raise AddressUndeliverable(note)
    return row.tag, note


def heard(tx: Transaction, message: Message, made: Sequence[Attempt], now: float) -> dict[str, Any] | None:
    """Take in what a round of attempts said of its recipient; return what is wrong with the address then."""
    row = by_tag(tx.connection, message.tag)
    if row is None:
        return None
    domain = row.identity.rpartition("@")[2]
    told: list[Evidence] = []
    for attempt in made:
        found = evidence_of(attempt, message.id)
        unknown = found is not None and found.category in UNKNOWNS
        destination = attempt.destination or domain
        if speaks(attempt):
            tx.shares.count(destination, unknown=unknown, now=now)
        if unknown and _disbelieved(tx, destination, now):
            row = by_tag(tx.connection, message.tag)  # what the site said of this address may have been taken back
        elif found:
            told.append(replace(found, destination=destination))
    if row.changed is None and all(found.category is Category.DELIVERED for found in told):
        if told and row.state == AddressState.UNKNOWN:
            _FIRST.all(tx.connection, this=row.identity, now=now)
        return None
    if not told:
        return note_of(tx.connection, row, tx.guide, now)
    return noted(_learn(tx, row, told, now, customer=message.customer), row.identity, tx.guide)


def note(tx: Transaction, identity: str, told: Evidence, now: float) -> Standing | None:
    """Take in evidence from outside an attempt, a report's above all; return the state then, None for no such address.

    A report about a mail that the customer has proved to arrive since, by using its code or a later one's, is void.
    """
    row = by_identity(tx.connection, identity)
    if row is None:
        return None
    destination = told.destination or _destination(tx.connection, told.message) or identity.rpartition("@")[2]
    frozen = told.category in UNKNOWNS and shares.is_frozen(tx.connection, destination)
    if frozen or _disproved(tx.connection, identity, told):
        return standing_of(tx.connection, row, now)
    customer = _customer(tx.connection, told.message) if told.message else None
    return _learn(tx, row, [replace(told, destination=destination)], now, customer=customer)


def used(tx: Transaction, message: Message, now: float) -> None:
    """Clear the state of an address whose code was entered."""
    row = by_tag(tx.connection, message.tag)
    if row is not None and row.state != AddressState.DELIVERABLE:
        _learn(tx, row, [_said(Source.USED, now, message.id)], now, customer=message.customer)


def clear(tx: Transaction, identity: str, reason: str, now: float) -> None:
    """Clear the state of an address because an operator says so."""
    row = by_identity(tx.connection, identity)
    if row is not None:
        _learn(tx, row, [_said(Source.OPERATOR, now, None)], now, reason=reason)


def sweep(tx: Transaction, now: float) -> None:
    """Let go of what has lapsed, and follow the sites that are not believed; a part of it where there is much."""
    lapsed = select(addresses.c.identity).where(addresses.c.until <= now).limit(SWEEP_MAX)
    for identity in tx.connection.execute(lapsed).scalars().all():
        before = record_of(tx.connection, by_identity(tx.connection, identity))
        save(tx, identity, before, as_of(before, now), now, because="lapsed")
    shares.merge(tx, now)
    for destination, since in shares.frozen(tx.connection).items():
        _take_back(tx, destination, since, now)
        shares.thaw(tx, destination, since, now)


def counts(connection: Connection) -> dict[str, int]:
    """Return how many addresses are in each state in which something is wrong."""
    query = select(addresses.c.state, func.count()).where(addresses.c.changed > "").group_by(addresses.c.state)
    found = {row[0]: row[1] for row in connection.execute(query)}
    return {state.value: found.get(state.value, 0) for state in AddressState if state.flagged}


def _learn(
    tx: Transaction,
    row: Any,
    told: Sequence[Evidence],
    now: float,
    *,
    customer: str | None = None,
    reason: str | None = None,
) -> Standing:
    before = after = record_of(tx.connection, row)
    for one in told:
        after = learn(after, one, now)
    because = told[-1].source.value
    save(tx, row.identity, before, after, now, because=because, customer=customer, reason=reason)
    return after.standing


def _disbelieved(tx: Transaction, destination: str, now: float) -> bool:
    """Whether a site that says "unknown" is not believed; where that begins now, what it said is taken back."""
    if shares.freeze_if_abnormal(tx, destination, now):
        _take_back(tx, destination, now, now)
    return shares.is_frozen(tx.connection, destination)


def _take_back(tx: Transaction, destination: str, frozen_at: float, now: float) -> None:
    """Withdraw what a site said within the window in which it was found to be at fault."""
    said = select(evidence.c.address).where(
        evidence.c.destination == destination,
        evidence.c.at > frozen_at - WINDOW,
        evidence.c.category.in_([category.value for category in UNKNOWNS]),
    )
    for identity in set(tx.connection.execute(said.limit(SWEEP_MAX)).scalars()):
        before = record_of(tx.connection, by_identity(tx.connection, identity))
        gone = _said_by(before, destination, frozen_at - WINDOW)
        save(tx, identity, before, withdraw(before, gone, now), now, because="site_at_fault")


def _said_by(record: Record, destination: str, since: float) -> Collection[Evidence]:
    return [
        known
        for known in record.evidence
        if known.destination == destination and known.at > since and known.category in UNKNOWNS
    ]


def _may_prove(tx: Transaction, identity: str, now: float) -> bool:
    """Take this hour's proof, once, whoever asks at the same time."""
    last = func.coalesce(addresses.c.proof_at, addresses.c.since)
    query = update(addresses).where(addresses.c.identity == identity, last <= now - PROOF_INTERVAL)
    return tx.connection.execute(query.values(proof_at=now)).rowcount == 1


def _disproved(connection: Connection, identity: str, told: Evidence) -> bool:
    if told.source is not Source.REPORT or told.category is Category.COMPLAINT or told.message is None:
        return False
    about = select(messages.c.accepted_at).where(messages.c.id == told.message).scalar_subquery()
    query = select(messages.c.id).where(
        messages.c.address == identity, messages.c.accepted_at >= about, messages.c.used_at.is_not(None)
    )
    return connection.execute(query.limit(1)).first() is not None


def _destination(connection: Connection, message: str | None) -> str | None:
    query = select(attempts.c.destination).where(attempts.c.message == message)
    return connection.execute(query.order_by(attempts.c.number.desc()).limit(1)).scalar()


def _customer(connection: Connection, message: str | None) -> str | None:
    return connection.execute(select(messages.c.customer).where(messages.c.id == message)).scalar()


def _said(source: Source, now: float, message: str | None) -> Evidence:
    return Evidence(at=now, source=source, strength=Strength.STRONG, category=Category.DELIVERED, message=message)
