"""Addresses that were checked while DNS gave no answer about their domain, and are to be looked at again.

When that is due `checks.rechecks` decides. A row is there until its domain has been found good or bad, or is given up.
"""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from mailsvc.domain.address_state import Evidence, Source, Strength
from mailsvc.domain.outcome import Category
from mailsvc.domain.reply import Stage
from mailsvc.store import address_states, addresses
from mailsvc.store.schema import rechecks
from mailsvc.store.transaction import Transaction

#: Rows at most: anybody may type any address into a registration form. Beyond that nothing is remembered.
ROWS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Recheck:
    """One address to look at again."""

    address: str  #: identity
    since: float  #: when it was first checked
    looks: int  #: how often its domain was looked up since without an answer
    next_at: float


def remember(tx: Transaction, recheck: Recheck) -> None:
    """Have an address looked at again; one that waits already keeps its turn."""
    waits = select(rechecks.c.address).where(rechecks.c.address == recheck.address)
    if tx.connection.execute(waits).first() is not None:
        return
    if tx.connection.execute(select(func.count()).select_from(rechecks)).scalar_one() < ROWS_MAX:
        tx.connection.execute(insert(rechecks).values(asdict(recheck)))


def due(connection: Connection, now: float, limit: int) -> list[Recheck]:
    """Return up to ``limit`` addresses whose time has come, the one that waits longest first."""
    query = select(rechecks).where(rechecks.c.next_at <= now).order_by(rechecks.c.next_at).limit(limit)
    return [Recheck(row.address, row.since, row.looks, row.next_at) for row in connection.execute(query)]


def postpone(tx: Transaction, recheck: Recheck, next_at: float) -> None:
    """Look at an address later: DNS gave no answer again."""
    values = {"looks": recheck.looks + 1, "next_at": next_at}
    tx.connection.execute(update(rechecks).where(rechecks.c.address == recheck.address).values(values))


def drop(tx: Transaction, recheck: Recheck) -> bool:
    """Look at an address no more; whether it still waited."""
    return tx.connection.execute(delete(rechecks).where(rechecks.c.address == recheck.address)).rowcount > 0


def condemn(tx: Transaction, recheck: Recheck, found: str, now: float) -> None:
    """Note that no mail can reach an address, with what was found; one that was forgotten meanwhile stays so."""
    if not drop(tx, recheck):
        return
    if addresses.by_identity(tx.connection, recheck.address) is None:
        addresses.add(tx, recheck.address, now)
    told = Evidence(
        at=now,
        source=Source.DNS,
        strength=Strength.STRONG,
        category=Category.DOMAIN_UNKNOWN,
        stage=Stage.DNS,
        reply=found,
        destination=recheck.address.rpartition("@")[2],
    )
    address_states.note(tx, recheck.address, told, now)
