"""The submit transaction: what is stored, what it ends, what it refuses."""

import asyncio
import itertools
from typing import Any

import pytest

from mailsvc.domain.message import MessageState, Revocation
from mailsvc.store import Store, lifecycle, messages
from mailsvc.store.submit import RateLimited
from tests.support.domain import CODE, NOW
from tests.support.store import GUIDE, accept, accepted, asked, count, current, log_of, notice, types_of

LIMITS = ((2, 30.0), (3, 600.0))


async def test_accepted_message_is_stored_as_claimed(store: Store) -> None:
    """What is stored is what was answered; an attempt is open and its gate too; the event tells the same."""
    done = await accept(store, asked("Taro@Docomo.ne.jp", context={"environment": "Windows"}))
    assert done.message is not None
    message = await current(store, done.message)
    assert done.answer["id"] == message.id
    assert done.answer["reference"] == message.reference
    assert (message.to, message.state, message.fence) == ("Taro@Docomo.ne.jp", MessageState.QUEUED, 1)
    assert (message.next_attempt_at, message.code, dict(message.context)) == (None, None, {"environment": "Windows"})
    assert done.message.code is not None
    assert done.message.code.reveal() == CODE
    assert store.gate.holds(message.id, 1)
    (event,) = await log_of(store)
    assert (event.type, event.at, event.message) == ("message.accepted", NOW, message.id)
    assert (event.challenge, event.customer, event.address) == ("login-1", "c-000123", "Taro@Docomo.ne.jp")
    assert event.data == await store.read(lambda connection: messages.view(connection, message, GUIDE, NOW))


async def test_newer_code_supersedes_one_that_waits(store: Store) -> None:
    """An older code of the challenge ends in the same transaction, and its gate is shut before the answer."""
    old = await accepted(store)
    done = await accept(store, asked(accepted_at=NOW + 1))
    assert (done.answer["superseded"], done.answer["raced"]) == ([old.id], [])
    ended = await current(store, old)
    assert ended.outcome is not None
    assert (ended.state, ended.outcome.at, ended.outcome.category) == (MessageState.SUPERSEDED, NOW + 1, None)
    assert not store.gate.holds(old.id, 1)
    assert not store.gate.admit(old.id, 1)
    assert await types_of(store) == ["accepted", "superseded", "accepted"]


async def test_newer_code_races_with_one_past_the_gate(store: Store) -> None:
    """An older code whose bytes are leaving is named as raced; it stays queued until its end is known."""
    old = await accepted(store)
    assert store.gate.admit(old.id, 1)
    done = await accept(store, asked(accepted_at=NOW + 1))
    assert (done.answer["superseded"], done.answer["raced"]) == ([], [old.id])
    marked = await current(store, old)
    assert (marked.state, marked.revoked) == (MessageState.QUEUED, Revocation.SUPERSEDED)
    third = await accept(store, asked(accepted_at=NOW + 2))
    assert third.answer["superseded"] == [done.answer["id"]]
    assert third.answer["raced"] == [old.id]


async def test_cancelled_code_past_the_gate_stays_cancelled_when_superseded(store: Store) -> None:
    """The first reason to revoke a message counts, and a newer code still names it as raced."""
    old = await accepted(store)
    store.gate.admit(old.id, 1)
    await store.write(lambda tx: lifecycle.cancel(tx, old.id, NOW))
    done = await accept(store, asked(accepted_at=NOW + 1))
    assert done.answer["raced"] == [old.id]
    assert (await current(store, old)).revoked is Revocation.CANCELLED


@pytest.mark.parametrize(
    "other", [{"api_key": "key_2"}, {"challenge": "login-2"}, {"challenge": None}], ids=["key", "challenge", "none"]
)
async def test_code_of_another_challenge_ends_nothing(store: Store, other: dict[str, Any]) -> None:
    """A challenge belongs to one API key, and codes without one have nothing in common."""
    old = await accepted(store)
    done = await accept(store, asked(**other))
    assert (done.answer["superseded"], done.answer["raced"]) == ([], [])
    assert store.gate.holds(old.id, 1)


async def test_notice_neither_supersedes_nor_is_superseded(store: Store) -> None:
    """A notice of the same challenge leaves codes alone, and they it."""
    code = await accepted(store)
    told = await accept(store, notice(challenge="login-1"))
    assert told.message is not None
    assert told.answer["superseded"] == []
    newer = await accept(store, asked(accepted_at=NOW + 1))
    assert newer.answer["superseded"] == [code.id]
    assert (await current(store, told.message)).state is MessageState.QUEUED


async def test_ended_code_is_not_superseded_again(store: Store) -> None:
    """A code that has ended keeps its state and gets no event."""
    old = await accepted(store)
    await store.write(lambda tx: lifecycle.cancel(tx, old.id, NOW))
    done = await accept(store, asked(accepted_at=NOW + 1))
    assert (done.answer["superseded"], done.answer["raced"]) == ([], [])
    assert await types_of(store, old) == ["accepted", "cancelled"]


async def test_parallel_codes_of_a_challenge_leave_one_that_may_go(store: Store) -> None:
    """However many codes of a challenge come at once, one is left, and every other is superseded exactly once."""
    answers = [done.answer for done in await asyncio.gather(*(accept(store) for _ in range(20)))]
    ended = list(itertools.chain.from_iterable(answer["superseded"] for answer in answers))
    ids = {answer["id"] for answer in answers}
    assert len(ended) == len(set(ended)) == 19
    (left,) = ids - set(ended)
    assert [id_ for id_ in ids if store.gate.holds(id_, 1)] == [left]


async def test_references_of_a_challenge_are_distinct(store: Store) -> None:
    """No two messages of a challenge have the same 受付番号, also not with one of a notice."""
    references = {(await accept(store)).answer["reference"] for _ in range(60)}
    references |= {(await accept(store, notice(challenge="login-1"))).answer["reference"] for _ in range(20)}
    assert len(references) == 80


async def test_tag_is_the_recipients_own(store: Store) -> None:
    """Every mail to an address has one envelope sender, however the address is written; another has another."""
    first = await accepted(store, to="ta..ro@docomo.ne.jp")
    again = await accepted(store, to='"TA..RO"@docomo.ne.jp')
    other = await accepted(store, to="jiro@docomo.ne.jp")
    assert first.tag == again.tag != other.tag
    assert await count(store, "addresses") == 2


async def test_rate_limit_refuses_and_tells_the_wait(store: Store) -> None:
    """An address that had its mails is refused until the oldest that counts leaves the window; nothing is stored."""
    for second in (0, 10):
        await accept(store, asked(accepted_at=NOW + second), LIMITS)
    with pytest.raises(RateLimited) as caught:
        await accept(store, asked("TARO@docomo.ne.jp", accepted_at=NOW + 12), LIMITS)
    assert caught.value.seconds == 18
    assert await count(store, "messages") == 2
    await accept(store, asked(accepted_at=NOW + 30), LIMITS)
    with pytest.raises(RateLimited) as caught:
        await accept(store, asked(accepted_at=NOW + 61), LIMITS)
    assert caught.value.seconds == 539


async def test_rate_limit_counts_each_address_and_kind_alone(store: Store) -> None:
    """Other addresses and notices have limits of their own."""
    for request in (asked(), asked(), notice(), notice(), asked("jiro@docomo.ne.jp")):
        await accept(store, request, LIMITS)
    for request in (asked(), notice()):
        with pytest.raises(RateLimited):
            await accept(store, request, LIMITS)


async def test_rate_limit_is_not_exceeded_by_parallel_submits(store: Store) -> None:
    """Of submits that come at once, as many pass as the limit has, and the refused leave no older code ended."""
    done = await asyncio.gather(*(accept(store, None, LIMITS) for _ in range(12)), return_exceptions=True)
    assert sum(isinstance(answer, RateLimited) for answer in done) == 10
    assert await count(store, "messages") == 2
    assert await types_of(store) == ["accepted", "superseded", "accepted"]
