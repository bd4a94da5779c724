"""Messages of which a copy may have arrived: what comes later never says that it did not."""

import pytest

from mailsvc.domain.message import Message
from mailsvc.domain.outcome import Attempt, Permanence, Scope
from mailsvc.store import Store, recovery
from tests.support.domain import NOW, attempt
from tests.support.store import accept, accepted, asked, claim, conclude, current, opened, types_of

LOST = attempt(Permanence.AMBIGUOUS, reply="the line was lost after the dot")


async def lost(store: Store, **fields: object) -> Message:
    """Accept a code whose first attempt ended after its dot; it is to be repeated."""
    message = await accepted(store, **fields)
    waits = await conclude(store, message, LOST)
    assert waits.next_attempt_at == NOW + 1
    return waits


async def repeated(store: Store, end: Attempt, at: float = NOW + 5) -> Message:
    """Lose a code after its dot, and repeat it with this end."""
    message = await lost(store)
    assert await claim(store, message, at - 1) is not None
    return await conclude(store, message, end, now=at)


def check_unknown(ended: Message) -> None:
    """Hold a message against what is to be told of one that may have arrived."""
    assert ended.outcome is not None
    told = (ended.state, ended.outcome.category, ended.outcome.cause, ended.outcome.reply)
    assert told == ("unknown", None, None, LOST.reply)


@pytest.mark.parametrize("scope", Scope)
async def test_refused_repeat_ends_as_unknown(store: Store, scope: Scope) -> None:
    """A 5yz to the second copy does not make the message failed."""
    ended = await repeated(store, attempt(Permanence.PERMANENT, 2, scope=scope))
    check_unknown(ended)
    assert await types_of(store, ended) == ["accepted", "deferred", "unknown"]


@pytest.mark.parametrize("permanence", [Permanence.TRANSIENT, Permanence.STOPPED])
async def test_repeat_that_leaves_no_time_ends_as_unknown(store: Store, permanence: Permanence) -> None:
    """A deferral or a stop with 60 s of life or less is the end, and no expiry."""
    check_unknown(await repeated(store, attempt(permanence, 2), NOW + 240))


async def test_repeat_that_is_delivered_ends_as_sent(store: Store) -> None:
    """The second copy's 250 counts."""
    assert (await repeated(store, attempt(Permanence.DELIVERED, 2))).state == "sent"


@pytest.mark.parametrize(("left", "begins"), [(60.1, True), (60.0, False), (25.0, False), (-1.0, False)])
async def test_repeat_is_claimed_with_more_than_60_seconds_of_life(store: Store, left: float, begins: bool) -> None:  # noqa: FBT001  a parameter
    """A repeat that is taken up too late, as after a restart, is not begun: the message ends as unknown."""
    message = await lost(store)
    claimed = await claim(store, message, message.expires_at - left)
    assert (claimed is not None) == begins
    if not begins:
        check_unknown(await current(store, message))


async def test_repeat_whose_process_died_too_late_for_another_ends_as_unknown(store: Store) -> None:
    """A repeat that was never handed over, its process killed, leaves what the first attempt left."""
    message = await lost(store)
    assert await claim(store, message, NOW + 2) is not None
    store.gate.abandon(message.id)
    await store.write(lambda tx: recovery.close_attempt(tx, message.id, NOW + 241))
    check_unknown(await current(store, message))


async def test_code_that_does_not_open_for_its_repeat_ends_as_unknown(database_url: str) -> None:
    """A key that is gone makes the repeat impossible, and the first copy no less possible."""
    async with opened(database_url) as store:
        message = await lost(store)
    async with opened(database_url, (bytes(32),)) as store:
        assert await claim(store, message, NOW + 10) is None
        check_unknown(await current(store, message))


async def test_superseded_before_its_repeat_is_superseded_and_not_raced(store: Store) -> None:
    """Nothing is in flight and nothing will be: the newer code's answer says so; the attempt stays ambiguous."""
    old = await lost(store)
    answer = (await accept(store, asked(accepted_at=NOW + 2))).answer
    assert (answer["superseded"], answer["raced"]) == ([old.id], [])
    ended = await current(store, old)
    assert (ended.state, ended.ambiguous) == ("superseded", 1)


@pytest.mark.parametrize("permanence", [Permanence.TRANSIENT, Permanence.PERMANENT])
async def test_raced_repeat_that_is_refused_ends_as_unknown(store: Store, permanence: Permanence) -> None:
    """Who was told that an older code raced learns by its end whether it may be in the mailbox: one copy may."""
    old = await lost(store)
    claimed = await claim(store, old, NOW + 2)
    assert claimed is not None
    assert store.gate.admit(old.id, claimed.fence)
    answer = (await accept(store, asked(accepted_at=NOW + 3))).answer
    assert (answer["superseded"], answer["raced"]) == ([], [old.id])
    check_unknown(await conclude(store, old, attempt(permanence, 2), now=NOW + 4))
