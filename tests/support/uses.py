"""Codes that were taken, used or not, in a store; and what the store knows of a site already."""

from collections.abc import Iterable

from mailsvc.domain.discard import KNOWN_FOR, Site
from mailsvc.domain.message import Message
from mailsvc.domain.outcome import Category, Permanence, Scope
from mailsvc.domain.reply import Stage
from mailsvc.store import Store, Transaction, lifecycle, uses
from mailsvc.store.submit import submit
from tests.support.domain import attempt
from tests.support.store import asked

DAY = 86400.0
_TAKEN = {"category": Category.DELIVERED, "stage": Stage.DOT, "scope": Scope.MESSAGE}


async def logins(store: Store, at: float, site: str | None, used: Iterable[bool], *, to: str = "") -> None:
    """Have a site take codes at an instant, and customers use some; each to an address of its own, or to ``to``."""
    domain = site or "example.jp"

    def write(tx: Transaction) -> None:
        for number, use in enumerate(used):
            message = _taken(tx, at, site, to or f"c{at:.0f}n{number}@{domain}")
            if use:
                lifecycle.use(tx, message.id, at + 30, at + 30)

    await store.write(write)


def _taken(tx: Transaction, at: float, site: str | None, to: str) -> Message:
    message = submit(tx, asked(to, accepted_at=at, challenge=None), (), None).message
    assert message is not None
    made = attempt(Permanence.DELIVERED, destination=site, ended_at=at + 1, **_TAKEN)
    lifecycle.conclude(tx, message.id, [made], at + 1)
    tx.gate.leave(message.id)
    return message


async def known(store: Store, *sites: str, at: float, sent: float = 1000.0, share: float = 0.9) -> None:
    """Have sites known for long, by so many codes and the share of them that was used."""

    def save(tx: Transaction) -> None:
        for site in sites:
            since = at - 30 * KNOWN_FOR
            uses._save(tx, Site(destination=site, known_since=since, at=at, sent=sent, used=sent * share))

    await store.write(save)


async def judge(store: Store, now: float) -> None:
    """Do what the closed loop does every few seconds."""
    while await store.write(lambda tx: uses.judge(tx, now)):
        pass
