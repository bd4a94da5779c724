"""After the end of a process: what becomes of the attempts that were open."""

from pathlib import Path

import pytest

from mailsvc.domain.message import MessageState
from mailsvc.domain.outcome import Permanence
from mailsvc.domain.reply import Stage
from mailsvc.store import Store, lifecycle, messages, recovery
from tests.support.domain import NOW, attempt
from tests.support.store import accepted, claim, close_abandoned, conclude, current, opened, stuck, types_of
from tests.support.store_process import running

INTERRUPTED = (Stage.CONNECT, Permanence.STOPPED, False)
AMBIGUOUS = (Stage.DOT, Permanence.AMBIGUOUS, True)


@pytest.mark.parametrize(("stage", "recorded"), [("entered", INTERRUPTED), ("admitted", AMBIGUOUS)])
@pytest.mark.parametrize("deaths", [1, 2])
async def test_killed_process_leaves_what_the_next_can_tell(
    database_url: str, stage: str, recorded: tuple[Stage, Permanence, bool], deaths: int
) -> None:
    """Kill -9 loses nothing: the attempt is recorded as it was and repeated, also when the next process dies too."""
    with running(database_url, stage) as (message_id, _):
        pass
    for _ in range(deaths - 1):
        with running(database_url, "opened"):
            pass
    async with opened(database_url) as store:
        assert await stuck(store) == [message_id]
        (message,) = await close_abandoned(store, NOW + 10)
        (tried,) = await store.read(lambda connection: messages.attempts_of(connection, message_id))
        assert (tried.stage, tried.permanence, tried.ambiguous) == recorded
        assert (message.state, message.next_attempt_at) == (MessageState.QUEUED, NOW + 10)
        assert (message.attempts, message.ambiguous) == (1, int(recorded[2]))
        assert await types_of(store) == ["accepted", "deferred"]
        claimed = await claim(store, message, NOW + 10)
        assert claimed is not None
        assert (claimed.fence, claimed.code is not None) == (2, True)


async def test_restart_of_the_machine_makes_every_open_attempt_ambiguous(database_url: str, tmp_path: Path) -> None:
    """After a power cut nobody knows what had left: it counts as handed over, and is repeated once."""
    with running(database_url, "entered") as (message_id, _):
        pass
    with (tmp_path / "mailsvc.gate").open("r+b") as file:
        file.write(b"another boot".ljust(64, b"\0"))
    async with opened(database_url) as store:
        (message,) = await close_abandoned(store, NOW + 10)
        assert (message.id, message.ambiguous) == (message_id, 1)


async def test_second_ambiguous_end_is_unknown(database_url: str) -> None:
    """A code that may have left twice is not sent a third time."""
    with running(database_url, "admitted"):
        pass
    async with opened(database_url) as store:
        (message,) = await close_abandoned(store, NOW + 10)
        claimed = await claim(store, message, NOW + 10)
        assert claimed is not None
        assert store.gate.admit(claimed.id, claimed.fence)
    async with opened(database_url) as store:
        (ended,) = await close_abandoned(store, NOW + 20)
        assert (ended.state, ended.ambiguous) == (MessageState.UNKNOWN, 2)
        assert await types_of(store) == ["accepted", "deferred", "unknown"]
        assert await stuck(store) == []


@pytest.mark.parametrize(
    ("stage", "after", "state"),
    [("entered", 271, "expired"), ("admitted", 241, "unknown"), ("entered", 3600, "expired")],
)
async def test_message_without_life_ends_at_the_start(database_url: str, stage: str, after: float, state: str) -> None:
    """What can no longer be repeated is final as soon as the service is back."""
    with running(database_url, stage):
        pass
    async with opened(database_url) as store:
        (message,) = await close_abandoned(store, NOW + after)
        assert message.state == state
        assert await types_of(store) == ["accepted", "at_risk", state]
        assert await close_abandoned(store, NOW + after) == []


async def test_revoked_message_whose_process_died_ends_as_unknown(database_url: str) -> None:
    """A code that was superseded in flight and whose end nobody saw is not repeated."""
    async with opened(database_url) as store:
        old = await accepted(store)
        store.gate.admit(old.id, 1)
        await store.write(lambda tx: lifecycle.cancel(tx, old.id, NOW))
    async with opened(database_url) as store:
        (ended,) = await close_abandoned(store, NOW + 1)
        assert ended.state is MessageState.UNKNOWN


async def test_only_abandoned_attempts_are_closed(store: Store) -> None:
    """An attempt that runs, a message that waits and one that has ended are left alone; so is an unknown id."""
    runs, waits, ended = [await accepted(store, challenge=name) for name in ("runs", "waits", "ended")]
    await conclude(store, waits, attempt())
    await store.write(lambda tx: lifecycle.cancel(tx, ended.id, NOW + 1))
    store.gate.leave(ended.id)
    before = await types_of(store)
    for message_id in (runs.id, waits.id, ended.id, "msg_nobody"):
        assert await store.write(lambda tx, id_=message_id: recovery.close_attempt(tx, id_, NOW + 2)) is None  # type: ignore[misc]
    assert await types_of(store) == before


async def test_attempt_that_failed_unrecorded_is_closed(store: Store) -> None:
    """A fault of ours during an attempt leaves it abandoned; it is recorded by what the gate knows and repeated."""
    before_dot, after_dot = await accepted(store, challenge="1"), await accepted(store, challenge="2")
    store.gate.admit(after_dot.id, 1)
    for message in (before_dot, after_dot):
        store.gate.abandon(message.id)
    closed = {message.id: message.ambiguous for message in await close_abandoned(store, NOW + 1)}
    assert closed == {before_dot.id: 0, after_dot.id: 1}
    assert await stuck(store) == []
    assert (await current(store, before_dot)).next_attempt_at == NOW + 1
