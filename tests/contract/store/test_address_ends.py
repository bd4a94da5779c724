"""What reports, use, operators and time do to the state of an address."""

from dataclasses import replace

from mailsvc.domain.address_state import Evidence, Source, Strength
from mailsvc.domain.event import EventType
from mailsvc.domain.outcome import Category, Permanence
from mailsvc.store import Store, address_states, lifecycle
from tests.support.addresses import (
    DAY,
    HOUR,
    TAKEN,
    TARO,
    changes,
    mailed,
    nobody,
    refused,
    report,
    resubmit,
    state,
    sweep,
    view,
)
from tests.support.domain import NOW, attempt
from tests.support.store import count, log_of


async def test_code_that_was_entered_proves_an_unknown_address(store: Store) -> None:
    """The connection was lost after the dot, and still the code was used: deliverable, without an event."""
    message = await mailed(store, 0, attempt(Permanence.AMBIGUOUS, category=Category.NETWORK_ERROR))
    assert await state(store, 1) == "unknown"
    await store.write(lambda tx: lifecycle.use(tx, message.id, NOW + 5, NOW + 5))
    assert await state(store, 5) == "deliverable"
    assert await changes(store) == []


async def test_used_code_clears_every_state(store: Store) -> None:
    """Undeliverable, complained, reported: a code that was entered proves the address."""
    first = await mailed(store, 0, TAKEN)
    await report(store, Category.COMPLAINT, 5, first)
    assert await state(store, 5) == "complained"
    await nobody(store, 10)
    await nobody(store, 70)
    assert await state(store, 71) == "undeliverable"
    await store.write(lambda tx: lifecycle.use(tx, first.id, NOW + 80, NOW + 80))
    assert await state(store, 80) == "deliverable"
    *_, changed, used = await log_of(store)
    assert (changed.data["state"], changed.data["because"]) == ("deliverable", "used")
    assert (used.type, used.data["address"]) == (EventType.MESSAGE_USED, None)


async def test_report_about_a_mail_whose_code_was_entered_is_void(store: Store) -> None:
    """Late bounces of that mail and of older ones change nothing, of newer ones and complaints they do."""
    old, used = await mailed(store, 0, TAKEN), await mailed(store, 10, TAKEN)
    await store.write(lambda tx: lifecycle.use(tx, used.id, NOW + 20, NOW + 20))
    new = await mailed(store, 30, TAKEN)
    for message in (old, used):
        await report(store, Category.USER_UNKNOWN, 40, message)
    assert await changes(store) == []
    await report(store, Category.MAILBOX_FULL, 50, new)
    assert await state(store, 50) == "mailbox_full"
    await report(store, Category.COMPLAINT, 60, used)
    assert await state(store, 60) == "complained"


async def test_verified_reports_of_two_messages_make_undeliverable(store: Store) -> None:
    """As replies do; the 250 of the second mail does not disprove the first report within the day."""
    first = await mailed(store, 0, TAKEN)
    await report(store, Category.USER_UNKNOWN, 5, first)
    second = await mailed(store, 100, TAKEN)
    assert await state(store, 101) == "suspect"
    await report(store, Category.USER_UNKNOWN, 105, second)
    assert await state(store, 106) == "undeliverable"


async def test_report_of_an_address_that_is_not_known_changes_nothing(store: Store) -> None:
    """There is no row, so there is no state."""
    told = Evidence(at=NOW, source=Source.REPORT, strength=Strength.STRONG, category=Category.MAILBOX_FULL)
    assert await store.write(lambda tx: address_states.note(tx, "x@example.jp", told, NOW)) is None
    assert await count(store, "addresses") == await count(store, "evidence") == 0


async def test_lapsed_state_is_gone_at_once_and_told_by_the_sweep(store: Store) -> None:
    """Whoever asks after its end sees no state; the event comes with the next sweep, once."""
    await mailed(store, 0, refused(Category.MAILBOX_FULL))
    assert await state(store, DAY) == "mailbox_full"
    assert await state(store, DAY + 1) == "deliverable"
    assert (await resubmit(store, DAY + 1)).answer["address"] is None
    for at in (DAY, DAY + 5, DAY + 6):
        await sweep(store, at)
    told = [(event.data["state"], event.data["because"]) for event in await changes(store)]
    assert told == [("mailbox_full", "smtp"), ("deliverable", "lapsed")]
    assert (await view(store, DAY + 6))["since"] == "2026-11-24T01:15:43.500Z"
    assert await count(store, "evidence") == 0


async def test_quiet_day_after_a_250_clears_a_report(store: Store) -> None:
    """The sweep ends what reports said a day after the first 250 that none contradicted."""
    message = await mailed(store, 0, TAKEN)
    await report(store, Category.RECIPIENT_REFUSED, 10, message)
    for at in (HOUR, 20 * HOUR):
        await mailed(store, at, replace(TAKEN, ended_at=NOW + at + 1))
    await sweep(store, HOUR + DAY)
    assert await state(store, HOUR + DAY) == "refused"
    await sweep(store, HOUR + DAY + 1)
    assert [event.data["state"] for event in await changes(store)] == ["refused", "deliverable"]


async def test_operator_clears_with_a_reason(store: Store) -> None:
    """The event says who did it and why; an address without a state stays as it is."""
    await nobody(store, 0)
    for _ in range(2):
        await store.write(lambda tx: address_states.clear(tx, TARO.identity, "asked by phone", NOW + 10))
    assert await state(store, 10) == "deliverable"
    _, cleared = await changes(store)
    told = {name: cleared.data[name] for name in ("previous", "state", "because", "reason")}
    assert told == {
        "previous": "suspect",
        "state": "deliverable",
        "because": "operator",
        "reason": "asked by phone",
    }
