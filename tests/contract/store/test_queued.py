"""What the store tells of its messages: due, waiting, at risk, page by page."""

from collections.abc import Coroutine
from typing import Any

from mailsvc.domain.message import MessageState
from mailsvc.domain.outcome import Permanence
from mailsvc.store import Store, lifecycle, messages
from tests.support.domain import NOW, attempt
from tests.support.store import GUIDE, accept, accepted, asked, conclude, count, notice, types_of


async def test_due_waiting_and_backlog_tell_what_is_queued(store: Store) -> None:
    """What is due comes with the nearest deadline first; what is under way or final is neither due nor waiting."""
    told = (await accept(store, notice())).message
    assert told is not None
    far = await conclude(store, told, attempt())
    near = await conclude(store, await accepted(store, challenge="1"), attempt())
    runs = await accepted(store, challenge="2", accepted_at=NOW - 5)
    ended = await accepted(store, challenge="3", accepted_at=NOW - 9)
    await conclude(store, ended, attempt(Permanence.DELIVERED))
    assert far.next_attempt_at is not None
    assert near.next_attempt_at is not None
    due = lifecycle.due
    assert await store.read(lambda connection: due(connection, NOW + 2)) == []
    assert await store.read(lambda connection: due(connection, NOW + 10)) == [near.id, far.id]
    waiting = dict(await store.read(lifecycle.waiting))
    assert waiting == {near.id: near.next_attempt_at, far.id: far.next_attempt_at}
    assert await store.read(lifecycle.backlog) == (3, runs.accepted_at, runs.accepted_at)
    older = (await accept(store, notice(accepted_at=NOW - 7))).message
    assert older is not None
    await conclude(store, runs, attempt())
    assert await store.read(lifecycle.backlog) == (4, older.accepted_at, None)


async def test_backlog_of_an_empty_store_is_nothing(store: Store) -> None:
    """A store without messages has no oldest one."""
    assert await store.read(lifecycle.backlog) == (0, None, None)
    assert await store.read(messages.any_there) is False


async def test_risk_is_reported_once_when_half_of_the_life_is_gone(store: Store) -> None:
    """A queued message is at risk from its half life on, reported once; an ended one never is."""
    message = await accepted(store)
    ended = await accepted(store, challenge="2")
    await conclude(store, ended, attempt(Permanence.DELIVERED))
    for second in (149.9, 150, 151):
        await store.write(lambda tx, now=NOW + second: lifecycle.report_risks(tx, now))  # type: ignore[misc]
        assert await types_of(store, message) == ["accepted", *(["at_risk"] if second >= 150 else [])]
    last = await conclude(store, message, attempt(), now=NOW + 290)
    assert last.state is MessageState.EXPIRED
    assert await types_of(store) == ["accepted", "accepted", "sent", "at_risk", "expired"]


async def test_pages_are_newest_first_and_filtered(store: Store) -> None:
    """A page holds the newest messages that fit its filters; ``before`` leads to the next one."""
    ids = [(await accept(store, asked(accepted_at=NOW + at, customer="k1"))).answer["id"] for at in range(5)]
    await accept(store, asked(customer="k2"))

    def page(filters: dict[str, str], before: str | None, limit: int) -> Coroutine[Any, Any, list[dict[str, Any]]]:
        return store.read(lambda found: messages.page(found, filters, GUIDE, NOW, before=before, limit=limit))

    first = await page({"customer": "k1"}, None, 3)
    rest = await page({"customer": "k1"}, first[-1]["id"], 3)
    assert [view["id"] for view in first + rest] == ids[::-1]
    everything = await page({}, None, 100)
    assert len(everything) == await count(store, "messages") == 6
