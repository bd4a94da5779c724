"""What follows from answers, with window and book in step."""

from dataclasses import replace

import pytest

from mailsvc.domain.event import Event, EventType
from mailsvc.domain.secret import Secret
from mailsvc.store.webhooks import Place, Row
from mailsvc.webhooks.outbox import PARALLEL, RETRIES, Outbox
from mailsvc.webhooks.policy import PATIENCE, Circuit, Fate
from mailsvc.webhooks.sender import Answer
from mailsvc.webhooks.target import Target
from mailsvc.webhooks.window import Item
from tests.support.domain import NOW
from tests.support.events import event
from tests.support.webhook_receiver import SECRET

TAKEN, FAILED, REFUSED = Answer(200, "answered 200"), Answer(500, "answered 500"), Answer(422, "answered 422")
TARGET = Target(
    number=1, key="k", url="http://h/", shown="http://h/", secrets=(Secret(SECRET),), types=frozenset(EventType)
)


def outbox(*events: Event, circuit: Circuit | None = None) -> Outbox:
    made = Outbox(TARGET, Place(0, 0.0), circuit or Circuit())
    made.take_in(events, (), NOW)
    made.window.position = max((one.seq for one in events), default=0)
    return made


def told(seq: int, message: str = "msg_a", at: float = NOW) -> Event:
    return replace(event(EventType.MESSAGE_SENT, at=at), seq=seq, id=f"evt_{seq}", message=message, at=at)


def row(seq: int, lane: str = "msg_a", next_at: float | None = None) -> Row:
    return Row(seq=seq, lane=lane, at=NOW, tries=1, next_at=next_at, problem=None)


def taken(made: Outbox, now: float = NOW) -> list[Item]:
    """Take what may be sent now."""
    under_way: list[Item] = []
    while (item := made.next(under_way, now)) is not None:
        under_way.append(item)
    return under_way


def recorded(made: Outbox) -> dict[int, Row]:
    return {one.seq: one for one in made.book.progress(made.window.cursor).rows}


def test_failure_takes_its_lane_to_rows_and_lets_the_cursor_pass() -> None:
    """The failed event has its next instant, those behind it none; the next event of the lane joins them."""
    made = outbox(told(1), told(2), told(3, "msg_b"))
    first, other = taken(made)
    assert made.conclude(first, FAILED, NOW) is Fate.FAILED
    made.conclude(other, TAKEN, NOW)
    made.take_in([told(4), told(5, "msg_b")], (), NOW)
    rows = recorded(made)
    assert sorted(rows) == [1, 2, 4]
    assert (rows[1].tries, rows[1].problem, rows[2].next_at, rows[4].next_at) == (1, "answered 500", None, None)
    assert rows[1].next_at is not None
    assert [item.seq for item in taken(made)] == [5]


def test_row_behind_one_that_just_failed_again_is_not_sent() -> None:
    """The store still shows the failed one as due and the one behind it as free: neither goes before it is recorded."""
    made = outbox()
    made.take_back([(row(1, next_at=NOW), told(1))])
    (item,) = taken(made)
    made.conclude(item, FAILED, NOW)
    made.take_back([(row(1, next_at=NOW), told(1)), (row(2), told(2)), (row(3, "msg_b", NOW), told(3, "msg_b"))])
    assert [one.seq for one in taken(made)] == [3]


def test_row_behind_one_that_was_taken_is_sent() -> None:
    """A row whose delivery is not recorded yet is not sent again, and the one behind it is."""
    made = outbox()
    made.take_back([(row(1, next_at=NOW), told(1))])
    (item,) = taken(made)
    made.conclude(item, TAKEN, NOW)
    made.take_back([(row(1, next_at=NOW), told(1)), (row(2), told(2))])
    assert [one.seq for one in taken(made)] == [2]
    assert made.book.progress(0).gone == {1: "msg_a"}


@pytest.mark.parametrize(
    ("age", "answer", "parked"), [(0.0, FAILED, False), (PATIENCE + 1, FAILED, True), (0, REFUSED, True)]
)
def test_event_is_parked_when_refused_or_out_of_time(age: float, answer: Answer, parked: bool) -> None:  # noqa: FBT001  a column of the table
    """The next one of its lane goes when it is parked, and waits when it is to be tried again."""
    made = outbox(told(1, at=NOW - age), told(2))
    (first,) = taken(made)
    made.conclude(first, answer, NOW)
    assert (recorded(made)[1].parked is not None) is parked
    assert [item.seq for item in taken(made)] == ([2] if parked else [])


def test_retries_leave_room_for_what_is_new() -> None:
    """What failed before gets a part of the requests only, and comes first within it."""
    made = outbox(*(told(seq, f"msg_{seq}") for seq in range(100, 200)))
    made.take_back([(row(seq, f"msg_{seq}", NOW), told(seq, f"msg_{seq}")) for seq in range(1, 50)])
    under_way = taken(made)
    assert [item.stored for item in under_way] == [True] * RETRIES + [False] * (PARALLEL - RETRIES)


def test_pause_keeps_everything_and_parks_what_is_out_of_time() -> None:
    """While the endpoint is down one new event at a time asks for it; old ones are parked, also those that come in."""
    circuit = Circuit()
    made = outbox(*(told(seq, f"msg_{seq}") for seq in range(1, 60)), circuit=circuit)
    for item in taken(made):
        made.conclude(item, FAILED, NOW)
    assert circuit.until is not None
    assert taken(made) == []
    assert len(taken(made, circuit.until)) == 1
    later = NOW + PATIENCE + 1
    (probe,) = taken(made, later)
    made.conclude(probe, FAILED, later)
    made.take_in([told(60, "msg_new"), told(61, "msg_newer", at=later)], (), later)
    parked = [seq for seq, one in recorded(made).items() if one.parked]
    assert 60 in parked
    assert 61 not in parked
    assert len(made.window) <= 2


def test_body_is_the_one_of_the_log() -> None:
    """UTF-8 without escapes or blanks: the octets that /v1/events has."""
    made = outbox(replace(told(1), challenge="例"))
    (item,) = taken(made)
    assert item.body.startswith('{"seq":1,"id":"evt_1","type":"message.sent"')
    assert "例" in item.body
