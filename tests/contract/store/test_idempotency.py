"""Idempotency keys: one answer and one mail per key and body for a day."""

import asyncio

import pytest

from mailsvc.store import Cipher, Store, StoreUnavailable, idempotency
from mailsvc.store.idempotency import KEPT, Claim, IdempotencyConflict
from mailsvc.store.submit import RateLimited
from tests.support.domain import NOW
from tests.support.store import KEY, accept, asked, count, no_space, opened

CLAIM = Claim("key_1", "once", b'{"to": "taro@docomo.ne.jp"}')


async def test_repeated_key_and_body_give_the_first_answer(store: Store) -> None:
    """A replay answers what was answered before and delivers nothing."""
    first = await accept(store, claim=CLAIM)
    again = await accept(store, asked(accepted_at=NOW + 60), claim=CLAIM)
    assert again.answer == first.answer
    assert again.message is None
    assert await count(store, "messages") == 1


async def test_eight_parallel_calls_give_one_answer_and_one_mail(store: Store) -> None:
    """Of parallel calls with one key, one is accepted and the others get its answer."""
    done = await asyncio.gather(*(accept(store, claim=CLAIM) for _ in range(8)))
    assert len({answer.answer["id"] for answer in done}) == 1
    assert sum(answer.message is not None for answer in done) == 1
    assert await count(store, "messages") == await count(store, "events") == 1


async def test_same_key_with_another_body_is_a_conflict(store: Store) -> None:
    """A key that has answered another body is refused and nothing is stored."""
    await accept(store, claim=CLAIM)
    other = Claim(CLAIM.api_key, CLAIM.key, b"{}")
    with pytest.raises(IdempotencyConflict):
        await accept(store, claim=other)
    with pytest.raises(IdempotencyConflict):
        await store.read(lambda connection: idempotency.find(connection, store.cipher, other, NOW))
    assert await count(store, "messages") == 1


async def test_key_belongs_to_one_api_key(store: Store) -> None:
    """Two callers that choose the same key do not meet."""
    await accept(store, claim=CLAIM)
    done = await accept(store, asked(api_key="key_2"), claim=Claim("key_2", CLAIM.key, CLAIM.body))
    assert done.message is not None


async def test_key_is_forgotten_after_a_day(store: Store) -> None:
    """24 h after the 202 the key is new again, for any body; a second before it is not."""
    first = await accept(store, claim=CLAIM)
    late = await accept(store, asked(accepted_at=NOW + KEPT - 1), claim=CLAIM)
    assert late.answer == first.answer
    other = Claim(CLAIM.api_key, CLAIM.key, b"{}")
    renewed = await accept(store, asked(accepted_at=NOW + KEPT), claim=other)
    assert renewed.message is not None
    again = await accept(store, asked(accepted_at=NOW + KEPT + 1), claim=other)
    assert again.answer == renewed.answer


async def test_replay_comes_before_the_rate_limit(store: Store) -> None:
    """A replay is answered although the address had its mails, and counts as none of them."""
    limits = ((2, 30.0),)
    first = await accept(store, None, limits, CLAIM)
    assert (await accept(store, None, limits, CLAIM)).answer == first.answer
    await accept(store, None, limits)
    assert (await accept(store, None, limits, CLAIM)).answer == first.answer


async def test_refusal_is_not_remembered(store: Store) -> None:
    """A call that was refused, or that could not be stored, may be repeated with its key and then passes."""
    limits = ((1, 30.0),)
    await accept(store, None, limits)
    with pytest.raises(RateLimited):
        await accept(store, None, limits, CLAIM)
    with no_space(), pytest.raises(StoreUnavailable):
        await accept(store, claim=CLAIM)
    assert (await accept(store, asked(accepted_at=NOW + 30), limits, CLAIM)).message is not None


async def test_replay_works_after_a_restart_with_a_newer_key(database_url: str) -> None:
    """The fingerprint is known while its key is; a rotated key in front of it does not matter."""
    async with opened(database_url) as store:
        first = await accept(store, claim=CLAIM)
    async with opened(database_url, (bytes(32), KEY)) as store:
        assert (await accept(store, claim=CLAIM)).answer == first.answer
        with pytest.raises(IdempotencyConflict):
            await accept(store, claim=Claim(CLAIM.api_key, CLAIM.key, b"{}"))


def test_fingerprint_is_keyed() -> None:
    """Two keys give two fingerprints of one body, neither of them a plain hash that lets anyone guess a code."""
    one, two = Cipher([KEY]), Cipher([bytes(32)])
    assert one.fingerprint(CLAIM.body) == one.fingerprint(CLAIM.body) != two.fingerprint(CLAIM.body)
    assert one.matches(one.fingerprint(CLAIM.body), CLAIM.body)
    assert not two.matches(one.fingerprint(CLAIM.body), CLAIM.body)
    assert one.fingerprint(CLAIM.body)[:8] != two.fingerprint(CLAIM.body)[:8]
