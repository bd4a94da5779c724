"""What attempts do to the state of an address, and what submits and events say of it."""

import pytest

from mailsvc.domain.address_state import AddressState
from mailsvc.domain.event import EventType
from mailsvc.domain.outcome import Category
from mailsvc.domain.reply import Stage
from mailsvc.store import Store, address_states
from tests.support.addresses import TAKEN, changes, mailed, nobody, refused, resubmit, state, view
from tests.support.domain import NOW, attempt
from tests.support.store import GUIDE, accept, accepted, asked, conclude, count, log_of, opened


async def test_first_delivery_makes_deliverable_without_an_event(store: Store) -> None:
    """An address is unknown until a mail got through, and that it did is no news."""
    assert await state(store) == "unknown"
    message = await accepted(store)
    assert await state(store) == "unknown"
    await conclude(store, message, TAKEN)
    assert (await view(store)) | {"guidance": None} == {
        "address": "t***@docomo.ne.jp",
        "state": "deliverable",
        "since": "2026-11-23T01:15:43.500Z",
        "until": None,
        "category": None,
        "evidence": [],
        "guidance": None,
    }
    assert await changes(store) == []


async def test_refusal_flags_the_address_and_tells_it_everywhere(store: Store) -> None:
    """State, event, message event and message carry the same note, with guidance in our sender's name."""
    await mailed(store, 0, TAKEN)
    message = await mailed(store, 10, refused(Category.MAILBOX_FULL, 11))
    (changed,) = await changes(store)
    failed = (await log_of(store))[-1]
    note = failed.data["address"]
    assert failed.type is EventType.MESSAGE_FAILED
    assert {name: note[name] for name in ("state", "since", "until", "category")} == {
        "state": "mailbox_full",
        "since": "2026-11-23T01:15:53.500Z",
        "until": "2026-11-24T01:15:53.500Z",
        "category": "mailbox_full",
    }
    assert note["guidance"] == GUIDE(AddressState.MAILBOX_FULL, Category.MAILBOX_FULL, "docomo.ne.jp")
    shown = await view(store, 11)
    assert shown == {"address": "t***@docomo.ne.jp", "evidence": shown["evidence"]} | note
    assert shown["evidence"] == [
        {
            "at": "2026-11-23T01:15:53.500Z",
            "source": "smtp",
            "strength": "strong",
            "category": "mailbox_full",
            "stage": "rcpt",
            "reply": "550 mailbox_full",
            "message": message.id,
        }
    ]
    assert changed.data == shown | {"previous": "deliverable", "because": "smtp", "reason": None}
    assert (changed.address, changed.message, changed.customer) == ("taro@docomo.ne.jp", None, "c-000123")


async def test_next_submit_says_what_is_wrong_until_a_250(store: Store) -> None:
    """The answer to a submit, and its event, carry the note; after a delivery both are silent again."""
    await mailed(store, 0, refused(Category.MAILBOX_FULL))
    done = await resubmit(store, 10)
    assert done.answer["address"]["state"] == "mailbox_full"
    assert (await log_of(store))[-1].data["address"] == done.answer["address"]
    assert done.message is not None
    await conclude(store, done.message, TAKEN, now=NOW + 11)
    assert [event.data["state"] for event in await changes(store)] == ["mailbox_full", "deliverable"]
    assert (await resubmit(store, 20)).answer["address"] is None
    assert await count(store, "evidence") == 0


async def test_every_try_of_one_message_is_one_piece_of_evidence(store: Store) -> None:
    """A mailbox that is full try after try gives one event and one piece of evidence, as of the last."""
    message = await accepted(store)
    for at in range(1, 4):
        full = attempt(category=Category.MAILBOX_FULL, number=at, ended_at=NOW + at)
        await conclude(store, message, full, now=NOW + at)
    (piece,) = (await view(store, 4))["evidence"]
    assert piece["at"] == "2026-11-23T01:15:45.500Z"
    assert len(await changes(store)) == 1
    assert [event.data["address"]["state"] for event in await log_of(store) if event.type == "message.deferred"] == [
        "mailbox_full"
    ] * 3


@pytest.mark.parametrize("category", [Category.AUTH_FAILED, Category.SPAM_BLOCKED, Category.REMOTE_ERROR])
async def test_fault_of_ours_leaves_the_state_alone(store: Store, category: Category) -> None:
    """A refusal that is about us, or says nothing, changes neither an unknown nor a flagged address."""
    await mailed(store, 0, refused(category))
    assert await state(store) == "unknown"
    await mailed(store, 10, refused(Category.RECIPIENT_REFUSED, 11))
    await mailed(store, 20, refused(category, 21))
    assert await state(store) == "refused"


async def test_two_refusals_a_minute_apart_make_undeliverable(store: Store) -> None:
    """One 5.1.1 makes suspect, a second from another message a minute later undeliverable."""
    await nobody(store, 0)
    await nobody(store, 59.9)
    assert await state(store, 61) == "suspect"
    await nobody(store, 120)
    assert await state(store, 121) == "undeliverable"
    assert [event.data["state"] for event in await changes(store)] == ["suspect", "undeliverable"]


async def test_domain_that_is_none_counts_as_dns_evidence(store: Store) -> None:
    """A verdict of DNS is evidence like a reply, under its own name."""
    gone = refused(Category.DOMAIN_UNKNOWN, stage=Stage.DNS, host=None, ip=None)
    await mailed(store, 0, gone, to="taro@example.jp")
    shown = await view(store, 1, "taro@example.jp")
    assert (shown["state"], shown["evidence"][0]["source"]) == ("suspect", "dns")


async def test_spellings_of_one_address_share_its_state(store: Store) -> None:
    """Case and quotes do not count, in a submit as in a question."""
    await mailed(store, 0, refused(Category.MAILBOX_FULL), to='"Ta..ro"@docomo.ne.jp')
    done = await accept(store, asked(to="ta..RO@Docomo.ne.jp", challenge=None))
    assert done.answer["address"]["state"] == "mailbox_full"
    assert await state(store, 1, "TA..ro@docomo.ne.jp") == "mailbox_full"
    assert (await changes(store))[0].address == '"ta..ro"@docomo.ne.jp'


async def test_state_outlives_the_process(database_url: str) -> None:
    """State, evidence and what follows from both are stored."""
    async with opened(database_url) as store:
        await nobody(store, 0)
    async with opened(database_url) as store:
        assert await state(store, 1) == "suspect"
        await nobody(store, 70)
        assert await state(store, 71) == "undeliverable"


async def test_counts_are_of_addresses_with_trouble(store: Store) -> None:
    """Every state that is wrong has its number, the others have none."""
    await mailed(store, 0, TAKEN, to="a@example.jp")
    for name in "bc":
        await mailed(store, 0, refused(Category.MAILBOX_FULL), to=f"{name}@example.jp")
    await nobody(store, 0)
    found = await store.read(address_states.counts)
    assert found == {"mailbox_full": 2, "refused": 0, "suspect": 1, "undeliverable": 0, "complained": 0}
