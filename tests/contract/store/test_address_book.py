"""Addresses with trouble, page by page, and addresses that are forgotten."""

from typing import Any

import pytest

from mailsvc.domain.address_state import AddressState
from mailsvc.domain.event import EventType
from mailsvc.domain.identifier import earliest_id
from mailsvc.domain.outcome import Category, Permanence
from mailsvc.store import Store, address_book, address_states
from mailsvc.store.address_book import AddressInUse
from tests.support.domain import NOW, attempt
from tests.support.store import GUIDE, accept, accepted, asked, conclude, count, log_of, notice

TARO = "taro@docomo.ne.jp"


async def flag(store: Store, at: float, category: Category, to: str = TARO) -> None:
    """Have a mail refused so many seconds after `NOW`."""
    message = await accepted(store, to=to, accepted_at=NOW + at, challenge=None)
    refused = attempt(Permanence.PERMANENT, category=category, ended_at=NOW + at, reply=f"550 <{to}>")
    await conclude(store, message, refused, now=NOW + at)


async def flagged(
    store: Store, at: float = 100, state: AddressState | None = None, after: str = "", limit: int = 100
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page of the addresses with trouble."""
    return await store.read(
        lambda found: address_book.flagged(found, GUIDE, NOW + at, state=state, after=after, limit=limit)
    )


async def names(store: Store, **asked_for: Any) -> list[str]:
    """Return the local parts on a page."""
    return [view["address"].partition("@")[0] for view in (await flagged(store, **asked_for))[0]]


async def test_pages_are_in_the_order_of_the_last_change(store: Store) -> None:
    """A changed address moves to the end; the cursor leads through all of them once."""
    for number, name in enumerate("abcde"):
        await flag(store, number, Category.UNKNOWN_OR_REFUSED, f"{name}@docomo.ne.jp")
    await flag(store, 10, Category.USER_UNKNOWN, "b@docomo.ne.jp")  # the state stays, what is said of it changes
    await flag(store, 11, Category.USER_UNKNOWN, "b@docomo.ne.jp")
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page, cursor = await flagged(store, after=cursor, limit=2)
        assert 0 < len(page) <= 2
        found += page
    assert [view["address"] for view in found] == [f"{name}@docomo.ne.jp" for name in "acdeb"]
    assert [piece["reply"] for piece in found[0]["evidence"]] == ["550 <a@docomo.ne.jp>"]


async def test_list_is_filtered_by_state_and_time(store: Store) -> None:
    """Only flagged ones, only of one state, only what changed at an instant or later."""
    await flag(store, 0, Category.MAILBOX_FULL, "a@docomo.ne.jp")
    await flag(store, 5, Category.RECIPIENT_REFUSED, "b@docomo.ne.jp")
    await flag(store, 9, Category.MAILBOX_FULL, "c@docomo.ne.jp")
    await flag(store, 9, Category.AUTH_FAILED, "d@docomo.ne.jp")
    assert await names(store) == ["a", "b", "c"]
    assert await names(store, state=AddressState.MAILBOX_FULL) == ["a", "c"]
    assert await names(store, after=earliest_id("adr", NOW + 5)) == ["b", "c"]
    assert await names(store, after=earliest_id("adr", NOW + 5.001)) == ["c"]
    assert await names(store, at=86400 + 1) == ["b", "c"]  # what has lapsed is not listed, swept or not
    await store.write(lambda tx: address_states.clear(tx, "c@docomo.ne.jp", "x", NOW))
    assert await names(store, at=86400 + 1) == ["b"]


async def test_forgotten_address_leaves_nothing_but_events(store: Store) -> None:
    """Row, tag, evidence, messages and attempts are gone, the next mail has another tag; others keep theirs."""
    await flag(store, 0, Category.MAILBOX_FULL)
    await flag(store, 0, Category.MAILBOX_FULL, "jiro@docomo.ne.jp")
    before = (await accepted(store, to="jiro@docomo.ne.jp", accepted_at=NOW + 1)).tag
    tables = ("addresses", "evidence", "messages", "attempts")
    assert [await count(store, table) for table in tables] == [2, 2, 3, 2]
    await store.write(lambda tx: address_book.forget(tx, TARO, NOW + 10))
    assert [await count(store, table) for table in tables] == [1, 1, 2, 1]
    *_, last = await log_of(store)
    assert (last.type, last.data["state"], last.data["because"]) == (EventType.ADDRESS_CHANGED, "unknown", "forgotten")
    assert (await accepted(store, accepted_at=NOW + 20)).tag != before
    assert (await accepted(store, to="jiro@docomo.ne.jp", accepted_at=NOW + 20)).tag == before


async def test_address_is_not_forgotten_while_a_mail_is_queued(store: Store) -> None:
    """What was accepted is delivered or ends by itself; then the address can be forgotten."""
    message = (await accept(store, notice())).message
    assert message is not None
    await conclude(store, message, attempt(category=Category.MAILBOX_FULL))
    with pytest.raises(AddressInUse):
        await store.write(lambda tx: address_book.forget(tx, TARO, NOW + 2))
    assert [await count(store, table) for table in ("addresses", "evidence", "messages")] == [1, 1, 1]
    await conclude(store, message, attempt(Permanence.DELIVERED, number=2, category=Category.DELIVERED))
    await store.write(lambda tx: address_book.forget(tx, TARO, NOW + 3))
    assert await count(store, "messages") == 0


async def test_unknown_address_is_forgotten_without_a_word(store: Store) -> None:
    """There is nothing to erase and nothing to tell."""
    await accept(store, asked())
    before = await count(store, "events")
    await store.write(lambda tx: address_book.forget(tx, "nobody@example.jp", NOW))
    assert await count(store, "events") == before
