"""Short ways to what happens to the state of an address, in a store."""

from typing import Any

from mailsvc.domain.address import parse
from mailsvc.domain.address_state import Evidence, Source, Strength
from mailsvc.domain.event import Event, EventType
from mailsvc.domain.message import Message
from mailsvc.domain.outcome import Attempt, Category, Permanence, Scope
from mailsvc.domain.reply import Stage
from mailsvc.store import Store, address_book, address_states
from mailsvc.store.submit import Submitted
from tests.support.domain import NOW, attempt
from tests.support.store import GUIDE, accept, accepted, asked, conclude, log_of

HOUR, DAY = 3600.0, 86400.0
TARO = parse("taro@docomo.ne.jp")
TAKEN = attempt(Permanence.DELIVERED, category=Category.DELIVERED, stage=Stage.DOT, scope=Scope.MESSAGE)


def refused(category: Category, at: float = 1.0, **fields: Any) -> Attempt:
    """Return an attempt that was refused for good so many seconds after `NOW`."""
    return attempt(Permanence.PERMANENT, category=category, ended_at=NOW + at, reply=f"550 {category}", **fields)


async def mailed(store: Store, at: float, *made: Attempt, to: str = "taro@docomo.ne.jp") -> Message:
    """Submit a code so many seconds after `NOW` and conclude it a second later."""
    message = await accepted(store, to=to, accepted_at=NOW + at, challenge=None, force=True)
    return await conclude(store, message, *made, now=NOW + at + 1)


async def nobody(store: Store, at: float, **fields: Any) -> Message:
    """Have a code refused because there is no such user."""
    return await mailed(store, at, refused(Category.USER_UNKNOWN, at + 1, **fields))


async def view(store: Store, at: float = 0.0, to: str = "taro@docomo.ne.jp") -> dict[str, Any]:
    """Return what is known of an address."""
    return await store.read(lambda found: address_book.state_of(found, parse(to), GUIDE, NOW + at))


async def state(store: Store, at: float = 0.0, to: str = "taro@docomo.ne.jp") -> str:
    """Return the state of an address."""
    return str((await view(store, at, to))["state"])


async def changes(store: Store) -> list[Event]:
    """Return the events about addresses."""
    return [event for event in await log_of(store) if event.type is EventType.ADDRESS_CHANGED]


async def report(store: Store, category: Category, at: float, message: Message, **fields: Any) -> None:
    """Take in what a report says."""
    strength = fields.pop("strength", Strength.STRONG)
    told = Evidence(at=NOW + at, source=Source.REPORT, strength=strength, category=category, message=message.id)
    await store.write(lambda tx: address_states.note(tx, TARO.identity, told, NOW + at))


async def sweep(store: Store, at: float) -> None:
    """Do what the sweeper does each second."""
    await store.write(lambda tx: address_states.sweep(tx, NOW + at))


async def resubmit(store: Store, at: float, **fields: Any) -> Submitted:
    """Submit a code to the same address."""
    return await accept(store, asked(accepted_at=NOW + at, challenge=None, **fields))
