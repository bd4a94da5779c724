"""Order within a lane, the settled part of the log, and what a failure takes along."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from mailsvc.webhooks.window import Item, Window


def item(seq: int, lane: str = "a", *, stored: bool = False, at: float = 0.0) -> Item:
    return Item(seq=seq, id=f"evt_{seq}", lane=lane, at=at or float(seq), body="{}", stored=stored)


def window(*items: Item, cursor: int = 0) -> Window:
    made = Window(cursor)
    for one in items:
        made.add(one)
    made.position = max((one.seq for one in items if not one.stored), default=cursor)
    return made


def test_lane_sends_one_event_at_a_time() -> None:
    """The second event of a lane is sent when the first is settled; another lane does not wait."""
    first, second, other = items = item(1), item(2), item(3, "b")
    made = window(*items)
    assert [made.take_fresh() for _ in range(3)] == [first, other, None]
    made.settle(first)
    assert made.take_fresh() is second


def test_cursor_stops_before_the_first_unsettled_event() -> None:
    """What is delivered out of turn moves nothing; the gap's end moves everything."""
    items = [item(seq, str(seq)) for seq in (1, 2, 3)]
    made = window(*items)
    made.position = 9
    assert (made.cursor, made.oldest) == (0, 1.0)
    made.settle(items[1])
    assert made.cursor == 0
    made.settle(items[0])
    assert made.cursor == 2
    made.settle(items[2])
    assert (made.cursor, made.oldest, len(made)) == (9, None, 0)


def test_events_with_a_row_do_not_hold_the_cursor() -> None:
    """What the store keeps by itself is no part of the log that is to be settled."""
    made = window(item(1, stored=True), item(7, "b"), cursor=6)
    assert (made.cursor, made.stored) == (6, 1)
    assert 1 in made
    assert made.take_stored() is not None


def test_failed_event_takes_those_behind_it_along() -> None:
    """Nothing of the lane is left in memory, so nothing of it can overtake."""
    items = [item(1), item(2), item(3, "b"), item(4)]
    made = window(*items)
    assert made.take_fresh() is items[0]
    assert list(made.block(items[0])) == [items[1], items[3]]
    assert made.take_fresh() is items[2]
    assert made.take_fresh() is None
    assert made.cursor == 2


def test_old_events_are_given_up_and_the_next_of_their_lane_is_offered() -> None:
    """Only what nobody is sending is given up."""
    items = [item(1, at=1), item(2, at=50), item(3, "b", at=2), item(4, "c", at=3)]
    made = window(*items)
    assert made.take_fresh() is items[0]
    assert list(made.give_up(10)) == [items[2], items[3]]
    made.settle(items[0])
    assert made.take_fresh() is items[1]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=60), st.randoms())
def test_any_run_keeps_order_and_loses_nothing(plan: list[tuple[int, bool]], rng: object) -> None:
    """Whatever succeeds or fails when, each event is sent or handed back once, a lane's in their order."""
    items = [item(number, str(lane)) for number, (lane, _) in enumerate(plan, 1)]
    fails = {number for number, (_, failed) in enumerate(plan, 1) if failed}
    made = window(*items)
    under_way: list[Item] = []
    ended: dict[str, list[int]] = defaultdict(list)
    while under_way or len(made):
        while (one := made.take_fresh()) is not None:
            under_way.append(one)
        assert len({one.lane for one in under_way}) == len(under_way)
        one = under_way.pop(rng.randrange(len(under_way)))  # type: ignore[attr-defined]
        ended[one.lane].append(one.seq)
        if one.seq in fails:
            ended[one.lane] += [behind.seq for behind in made.block(one)]
        else:
            made.settle(one)
        assert made.cursor == min((two.seq for two in items if two.seq in made), default=len(items) + 1) - 1
    assert sorted(seq for seqs in ended.values() for seq in seqs) == list(range(1, len(items) + 1))
    assert all(seqs == sorted(seqs) for seqs in ended.values())
