"""Checks at registration: their own way to DNS, what the store knows of an address, and the checks made again later.

The resolver is not that of delivery: what strangers type into a form can push nothing out of the cache that codes need.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from mailsvc.checks.check import AddressCheck, Checked, Known
from mailsvc.checks.domains import Domains, TookMail, nobody_knows
from mailsvc.checks.rechecks import Rechecks
from mailsvc.checks.turns import Turns
from mailsvc.clock import Clock
from mailsvc.delivery.domains import StoredDomains
from mailsvc.dns import MailHosts, Resolver
from mailsvc.domain.address import Address
from mailsvc.domain.address_state import Standing
from mailsvc.settings import Settings
from mailsvc.store import Store, address_book
from mailsvc.templates.layout import JST


def make_domains(settings: Settings, took_mail: TookMail = nobody_knows) -> Domains:
    """Return what looks domains up, by the resolver of the settings."""
    return Domains(
        MailHosts(Turns(Resolver(settings.dns or ())).ask),
        allow_private=settings.allow_private_mx,
        own_addresses=settings.source_addresses,
        took_mail=took_mail,
    )


def make_check(domains: Domains, now: Callable[[], float], known: Known) -> AddressCheck:
    """Return the check of addresses; ``now`` in Unix seconds."""
    return AddressCheck(domains, today=lambda: day_in_japan(now()), known=known)


def day_in_japan(at: float) -> date:
    """Return the day of an instant in Japan."""
    return datetime.fromtimestamp(at, JST).date()


@dataclass(frozen=True, slots=True)
class CheckRoom:
    """What is running."""

    addresses: AddressCheck
    rechecks: Rechecks

    async def check(self, text: str) -> Checked:
        """Check an address, and have it checked again where DNS gave no answer."""
        checked = await self.addresses.check(text)
        await self.rechecks.remember(checked)
        return checked


def start_checks(stack: AsyncExitStack, settings: Settings, *, store: Store, clock: Clock) -> CheckRoom:
    """Start to make open checks again."""
    domains = make_domains(settings, StoredDomains(store, clock).took_mail)

    def known(address: Address) -> Awaitable[Standing | None]:
        return store.read(partial(address_book.standing, address=address, now=clock.now()))

    rechecks = Rechecks(store=store, clock=clock, domains=domains)
    stack.callback(asyncio.create_task(rechecks.run()).cancel)
    return CheckRoom(make_check(domains, clock.now, known), rechecks)
