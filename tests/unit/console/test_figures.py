"""How codes are counted, and what is said of how they fare."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.console import health
from mailsvc.console.charts import HEIGHT, WIDTH, over_time, parts
from mailsvc.console.figures import added_up, of_message
from mailsvc.console.health import Level, level, trouble
from mailsvc.domain.figures import BOUNDS, Figures, Side, side_of, total
from mailsvc.domain.outcome import Category
from mailsvc.store.figures import Ended

NOW = 1_800_000_000.0


def message(
    state: str = "sent", seconds: float = 1.5, category: str | None = "delivered", **more: Any
) -> dict[str, Any]:
    """Return a message that ended, as the outside reads it."""
    attempt = {
        "category": category or "network_error",
        "cause": None,
        "destination": "docomo.ne.jp",
        "host": "mx.docomo.ne.jp",
        "seconds": {"queue": 0.1, "transfer": 0.4},
    }
    ended = f"2026-11-25T11:{int(seconds) // 60:02}:{seconds % 60:06.3f}Z"
    return {
        "is_code": True,
        "state": state,
        "accepted_at": "2026-11-25T11:00:00.000Z",
        "attempts": [attempt],
        "outcome": {"state": state, "at": ended, "category": category, "cause": None},
    } | more


def code(*, seconds: float = 1.0, many: int = 1, missed: int = 0, category: str = "network_error") -> Figures:
    """Return figures of codes that took so long, and of some that were not taken."""
    taken = of_message(message(seconds=seconds))
    lost = of_message(message("failed", category=category))
    return total([taken] * many + [lost] * missed)


@pytest.mark.parametrize(
    ("told", "codes", "on_time", "slot"),
    [
        (message(seconds=0.5), 1, 1, 0),
        (message(seconds=1.0), 1, 1, 0),
        (message(seconds=60.0), 1, 1, 7),
        (message(seconds=61.0), 1, 0, 8),
        (message(seconds=301.0), 1, 0, 10),
        (message("failed", category="network_error"), 1, 0, None),
        (message("failed", category="user_unknown"), 0, 0, None),
        (message("superseded", category=None), 0, 0, None),
        (message(is_code=False), 0, 0, None),
    ],
)
def test_code_is_counted_where_it_could_be_delivered(told: Any, codes: int, on_time: int, slot: int | None) -> None:
    """A code that only its recipient is to blame for is no code that was late."""
    figures = of_message(told)
    assert (figures.codes, figures.on_time) == (codes, on_time)
    assert figures.times == tuple(int(index == slot) for index in range(len(BOUNDS) + 1))


def test_attempts_are_counted_by_category_side_and_stage() -> None:
    """Whose part it was follows from the category; stages add up."""
    figures = of_message(message("failed", category="auth_failed")) + of_message(message())
    assert figures.categories == {"auth_failed": 1, "delivered": 1}
    assert figures.sides == {"ours": 1}
    assert figures.stages == {"queue": pytest.approx(0.2), "transfer": pytest.approx(0.8)}
    assert figures.attempts == 2


def test_events_are_added_up_by_site_and_minute() -> None:
    """Where a message came to no site, the domain of its recipient stands for it."""
    nowhere = message("expired", category="expired", attempts=[])

    ended = [(60.0, message()), (119.0, message()), (120.0, nowhere)]
    found = added_up(Ended(1, at, "taro@Example.jp", data) for at, data in ended)
    assert {key: figures.codes for key, figures in found.items()} == {("docomo.ne.jp", 60): 2, ("example.jp", 120): 1}


def test_every_category_is_somebodys_part() -> None:
    """Only a delivery is nobody's; what says something of the recipient is never ours."""
    for category in Category:
        assert (side_of(category) is None) == (category is Category.DELIVERED)
        assert not (category.of_recipient and side_of(category) is not Side.RECIPIENTS)


def test_percentile_lies_between_the_bounds_of_its_slot() -> None:
    """Interpolated inside a slot, unknown without codes, beyond everything in the last one."""
    assert Figures().percentile(0.5) is None
    assert code(seconds=1.5).percentile(0.5) == pytest.approx(1.5)
    assert code(seconds=301).percentile(0.5) == math.inf
    both = code(seconds=0.5, many=3) + code(seconds=100)
    assert 0 < (both.percentile(0.5) or 0) <= 1
    assert 60 < (both.percentile(0.99) or 0) <= 120


@given(st.lists(st.floats(0, 320), min_size=1, max_size=30))
def test_shares_grow_with_the_time_allowed(seconds: list[float]) -> None:
    """Within more time never fewer, and percentiles never fall."""
    figures = total([of_message(message(seconds=one)) for one in seconds])
    shares = [figures.share_within(bound) for bound in BOUNDS]
    assert shares == sorted(shares, key=lambda share: share or 0.0)
    assert figures.share_within(60.0) == figures.share
    percentiles = [figures.percentile(part) or 0.0 for part in (0.1, 0.5, 0.9, 1.0)]
    assert percentiles == sorted(percentiles)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(None, Level.QUIET), (1.0, Level.GOOD), (0.99, Level.GOOD), (0.98, Level.WARN), (0.94, Level.BAD)],
)
def test_level_follows_from_the_share(share: float | None, expected: Level) -> None:
    """Without codes nothing is good or bad."""
    assert level(share) is expected


def test_trouble_names_share_beginning_side_and_reason() -> None:
    """What the first page says of a site: how bad, since when, whose part, what came back most."""
    well, ill = code(many=10), code(many=5, missed=5, category="auth_failed")
    minutes = [(NOW - 600 + 60 * minute, well if minute < 5 else ill) for minute in range(10)]
    found = trouble("docomo.ne.jp", minutes, NOW)
    assert found is not None
    assert (found.share, found.codes, found.since) == (0.75, 100, NOW - 300)
    assert (found.side, found.category) == ("ours", "auth_failed")


def test_few_codes_or_good_ones_are_no_trouble() -> None:
    """One lost code at night is no trouble of a site."""
    few = [(NOW - 60, code(missed=health.ENOUGH - 1, many=0))]
    assert trouble("x", few, NOW) is None
    assert trouble("x", [(NOW - 60, code(many=50))], NOW) is None
    assert trouble("x", [(NOW - 1000, code(missed=50))], NOW) is None


def test_late_code_among_thousands_is_seen_in_a_chart() -> None:
    """A bar stays on the surface, and what was late has a height."""
    figures = Figures(codes=9000, on_time=8999)
    chart = over_time("hour", [(NOW // 60 * 60, figures)], span=60, bars=60, now=NOW)
    (bar,) = chart.bars
    assert bar.late >= 1
    assert 0 <= bar.top < HEIGHT
    assert bar.x + bar.width <= WIDTH


def test_parts_fill_the_whole() -> None:
    """Widths are per cent; nothing at all is no division by zero."""
    found = parts({"queue": 1.0, "transfer": 3.0})
    assert [(part.name, part.width) for part in found if part.width] == [("queue", 25.0), ("transfer", 75.0)]
    assert all(part.width == 0 for part in parts({}))
