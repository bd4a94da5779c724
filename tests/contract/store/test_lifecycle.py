"""A message's way through the store: claimed, attempted, concluded, revoked, expired, used."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from mailsvc.domain.message import Message, MessageState, Revocation
from mailsvc.domain.outcome import Category, Permanence
from mailsvc.store import Store, Transaction, lifecycle, messages
from tests.support.domain import CODE, NOW, attempt
from tests.support.store import (
    accept,
    accepted,
    asked,
    claim,
    conclude,
    current,
    notice,
    opened,
    stuck,
    together,
    types_of,
)


async def deferred(store: Store, **fields: object) -> Message:
    """Accept a code whose first attempt was deferred."""
    message = await accepted(store, **fields)
    return await conclude(store, message, attempt())


async def test_due_message_is_claimed_once_with_its_code(store: Store) -> None:
    """A claim at its instant takes a message with a higher fence and its code; a second claim gets nothing."""
    waits = await deferred(store)
    assert waits.next_attempt_at is not None
    assert await claim(store, waits, waits.next_attempt_at - 0.001) is None
    claims = await together(store, *[lambda tx: lifecycle.claim(tx, waits.id, waits.next_attempt_at)] * 3)
    (claimed,) = (message for message in claims if message)
    assert (claimed.fence, claimed.attempts, claimed.next_attempt_at) == (2, 1, None)
    assert claimed.code.reveal() == CODE
    assert store.gate.holds(waits.id, 2)
    assert not store.gate.holds(waits.id, 1)
    assert await claim(store, waits, NOW + 250) is None


async def test_message_under_way_final_or_unknown_is_not_claimed(store: Store) -> None:
    """Only a message that waits is claimed."""
    runs, ended = await accepted(store, challenge="1"), await accepted(store, challenge="2")
    await conclude(store, ended, attempt(Permanence.DELIVERED))
    for message in (runs, ended, replace(runs, id="msg_nobody")):
        assert await claim(store, message, NOW + 10) is None
    assert store.gate.holds(runs.id, 1)


async def test_message_is_not_claimed_before_its_last_attempt_has_left_the_gate(store: Store) -> None:
    """A claim between the record of an attempt and its leaving the gate must not mix up the two attempts."""
    message = await accepted(store)
    assert store.gate.admit(message.id, 1)
    await store.write(lambda tx: lifecycle.conclude(tx, message.id, [attempt(Permanence.STOPPED)], NOW + 1))
    assert await claim(store, message, NOW + 1) is None
    store.gate.leave(message.id)
    claimed = await claim(store, message, NOW + 1)
    assert claimed is not None
    assert store.gate.holds(message.id, claimed.fence)


@pytest.mark.parametrize(("is_code", "guard"), [(True, 20), (False, 0)], ids=["code", "notice"])
async def test_claim_after_the_guard_expires_the_message(store: Store, is_code: bool, guard: float) -> None:  # noqa: FBT001  a parameter
    """At the last instant a message is still claimed; after it, it ends as expired with what stood in its way."""
    request = asked if is_code else notice
    first, second = [(await accept(store, request(challenge=name))).message for name in "12"]
    assert first is not None
    assert second is not None
    for message in (first, second):
        await conclude(store, message, attempt(category=Category.GREYLISTED))
    last = first.expires_at - guard
    assert await claim(store, first, last) is not None
    assert await claim(store, second, last + 0.001) is None
    ended = await current(store, second)
    assert ended.outcome is not None
    assert (ended.state, ended.outcome.category, ended.outcome.cause) == ("expired", "expired", "greylisted")
    assert await types_of(store, second) == ["accepted", "deferred", "at_risk", "expired"]


async def test_claim_of_a_code_that_does_not_open_fails_the_message(database_url: str) -> None:
    """A message whose key is gone ends as failed at once and says which setting lacks it."""
    async with opened(database_url) as store:
        message = await deferred(store)
    async with opened(database_url, (bytes(32),)) as store:
        assert await claim(store, message, NOW + 10) is None
        ended = await current(store, message)
        assert ended.outcome is not None
        assert (ended.state, ended.outcome.category) == (MessageState.FAILED, Category.UNKNOWN)
        assert "MAILSVC_SECRET_KEYS" in (ended.outcome.reply or "")


async def test_concluded_attempt_is_stored_with_everything(store: Store) -> None:
    """What an attempt was is read back as it was."""
    message = await accepted(store)
    made = attempt(
        Permanence.DELIVERED, status="2.0.0", tls="TLSv1.3", seconds=(("queue", 0.5), ("dns", 0.25)), relayed=True,
        cause=Category.GREYLISTED, category=Category.DELIVERED, reply="250 2.0.0 受理",
    )  # fmt: skip
    ended = await conclude(store, message, made)
    assert await store.read(lambda connection: messages.attempts_of(connection, message.id)) == [made]
    assert await current(store, message) == replace(ended, code=None)
    assert ended.outcome is not None
    assert (ended.outcome.reply, ended.outcome.relayed, ended.outcome.at) == ("250 2.0.0 受理", True, NOW + 1)


@pytest.mark.parametrize("permanence", Permanence)
async def test_every_end_leaves_the_message_waiting_or_final(store: Store, permanence: Permanence) -> None:
    """However an attempt ends, at once and at the last moment, nothing is stuck and a final code is wiped."""
    for moment, name in ((NOW + 1, "early"), (NOW + 299, "late")):
        message = await accepted(store, challenge=name)
        ended = await conclude(store, message, attempt(permanence), now=moment)
        assert (ended.next_attempt_at is None) == ended.state.final
        code = f"SELECT code FROM messages WHERE id = '{message.id}'"
        stored = await store.read(lambda connection, sql=code: connection.exec_driver_sql(sql).scalar())  # type: ignore[misc]
        assert (stored is None) == ended.state.final
    assert await stuck(store) == []


async def test_attempt_of_an_ended_message_is_recorded_and_changes_nothing(store: Store) -> None:
    """A message that was superseded before its dot keeps its state; the stopped attempt is kept beside it."""
    old = await accepted(store)
    await accept(store, asked(accepted_at=NOW + 1))
    after = await conclude(store, old, attempt(Permanence.STOPPED), now=NOW + 2)
    assert (after.state, after.attempts) == (MessageState.SUPERSEDED, 1)
    assert await types_of(store, old) == ["accepted", "superseded"]


@pytest.mark.parametrize(
    ("permanence", "state"),
    [
        (Permanence.DELIVERED, "sent"),
        (Permanence.AMBIGUOUS, "unknown"),
        (Permanence.TRANSIENT, "superseded"),
        (Permanence.PERMANENT, "superseded"),
    ],
)
async def test_raced_message_ends_by_what_came_back(store: Store, permanence: Permanence, state: str) -> None:
    """A code superseded in flight was sent, or nobody knows, or it is superseded: it is never tried again."""
    old = await accepted(store)
    store.gate.admit(old.id, 1)
    await accept(store, asked(accepted_at=NOW + 1))
    ended = await conclude(store, old, attempt(permanence), now=NOW + 2)
    assert ended.state == state
    assert await types_of(store, old) == ["accepted", state]


async def test_older_code_is_never_handed_over_after_the_newers_answer(store: Store) -> None:
    """While newer codes come, an older one's last question gets a yes before their answer, or they name it as raced."""
    rounds = 60
    olds = [await accepted(store, challenge=f"c{number}") for number in range(rounds)]
    answered: set[str] = set()
    late: list[str] = []
    admitted: set[str] = set()

    async def renew(old: Message) -> list[str]:
        done = await accept(store, asked(challenge=old.challenge))
        answered.add(old.id)
        return [*done.answer["raced"]]

    async def hand_over(old: Message, steps: int) -> None:
        for _ in range(steps):
            await asyncio.sleep(0)
        if store.gate.admit(old.id, 1):
            admitted.add(old.id)
            if old.id in answered:
                late.append(old.id)

    async with asyncio.TaskGroup() as group:
        renewals = [group.create_task(renew(old)) for old in olds]
        for number, old in enumerate(olds):
            group.create_task(hand_over(old, number * 3))
    assert late == []
    assert {id_ for renewal in renewals for id_ in renewal.result()} == admitted


async def test_cancelled_message_ends_before_the_gate_and_races_after_it(store: Store) -> None:
    """Cancelling ends what is not handed over; what is past the gate is marked; repeating it changes nothing."""
    waits, leaving = await accepted(store, challenge="1"), await accepted(store, challenge="2")
    store.gate.admit(leaving.id, 1)
    for _ in range(2):
        ended = await store.write(lambda tx: lifecycle.cancel(tx, waits.id, NOW + 1))
        marked = await store.write(lambda tx: lifecycle.cancel(tx, leaving.id, NOW + 1))
        assert ended.state is MessageState.CANCELLED
        assert (marked.state, marked.revoked) == (MessageState.QUEUED, Revocation.CANCELLED)
    assert await types_of(store) == ["accepted", "accepted", "cancelled"]
    assert not store.gate.admit(waits.id, 1)


async def test_waiting_message_can_be_cancelled(store: Store) -> None:
    """A message without an attempt under way ends too."""
    waits = await deferred(store)
    ended = await store.write(lambda tx: lifecycle.cancel(tx, waits.id, NOW + 2))
    assert ended.state is MessageState.CANCELLED
    assert await claim(store, waits, NOW + 60) is None


async def test_used_code_keeps_its_first_report(store: Store) -> None:
    """The first report counts, also for a message that has ended; the event carries it."""
    message = await accepted(store)
    await conclude(store, message, attempt(Permanence.DELIVERED))
    first = await store.write(lambda tx: lifecycle.use(tx, message.id, NOW + 60, NOW + 61))
    again = await store.write(lambda tx: lifecycle.use(tx, message.id, NOW + 70, NOW + 71))
    assert first.used_at == again.used_at == NOW + 60
    assert await types_of(store) == ["accepted", "sent", "used"]


@pytest.mark.parametrize(
    "change",
    [
        lambda tx: lifecycle.cancel(tx, "msg_nobody", NOW),
        lambda tx: lifecycle.use(tx, "msg_nobody", NOW, NOW),
        lambda tx: lifecycle.conclude(tx, "msg_nobody", [attempt()], NOW),
    ],
    ids=["cancel", "use", "conclude"],
)
async def test_change_of_an_unknown_message_is_a_key_error(
    store: Store, change: Callable[[Transaction], object]
) -> None:
    """A message that is not there cannot be changed."""
    with pytest.raises(KeyError, match="msg_nobody"):
        await store.write(change)
