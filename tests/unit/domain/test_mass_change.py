"""When a site calls too many addresses unknown at once to be believed (DESIGN 4)."""

import pytest

from mailsvc.domain.mass_change import HALF_LIFE, SITES, WINDOW, Counts, Shares, abnormal
from tests.support.domain import NOW

START = NOW - NOW % 60  # of a minute


@pytest.mark.parametrize(
    ("attempts", "unknown", "history", "expected"),
    [
        (20, 20, (0, 0), True),
        (19, 19, (0, 0), False),
        (400, 20, (0, 0), False),  # ten times the half per cent that is assumed
        (399, 20, (0, 0), True),
        (1000, 100, (99_800, 999), False),  # ten times one per cent
        (1000, 101, (99_800, 999), True),
        (10_000, 19, (1_000_000, 0), False),
        (10_000, 20, (1_000_000, 0), True),
        (20, 20, (1000, 120), False),  # a site that often says so
    ],
)
def test_mass_change_is_many_and_ten_times_the_usual(
    attempts: int, unknown: int, history: tuple[int, int], *, expected: bool
) -> None:
    """Twenty attempts at least, and more than ten times the share that the site usually has."""
    assert abnormal(Counts(attempts, unknown), Counts(*history)) is expected


def test_history_counts_half_after_a_week() -> None:
    """Old attempts weigh less; the share stays what it was."""
    assert Counts(100, 10).aged(HALF_LIFE) == Counts(50, 5)
    assert Counts(100, 10).aged(0) == Counts(100, 10)


def test_window_holds_ten_minutes_of_one_site() -> None:
    """An attempt counts for ten minutes, to the minute, and at its own site only."""
    shares = Shares()
    shares.count("a", unknown=True, now=START)
    shares.count("a", unknown=False, now=START + 59)
    shares.count("b", unknown=False, now=START)
    for at, expected in ((59, Counts(2, 1)), (WINDOW + 59.9, Counts(2, 1)), (WINDOW + 60, Counts())):
        assert shares.window("a", START + at) == expected
    assert shares.window("c", START) == Counts()


def test_what_is_past_is_taken_out_once_and_in_parts() -> None:
    """The counts of a minute leave together when it is past, as many at a time as are asked for."""
    shares = Shares()
    for site in range(7):
        shares.count(f"site{site}", unknown=False, now=START)
    shares.count("site0", unknown=True, now=START + 60)
    assert shares.take_past(START + WINDOW + 59, 5) == []
    first, second, third = (shares.take_past(START + WINDOW + 60, 5) for _ in range(3))
    assert (len(first), len(second), third) == (5, 2, [])
    assert {site for site, _ in first + second} == {f"site{site}" for site in range(7)}
    assert shares.take_past(START + WINDOW + 120, 5) == [("site0", Counts(1, 1))]


def test_sites_beyond_the_bound_are_not_counted() -> None:
    """A flood of made-up sites costs a bounded amount of memory, and the known ones count on."""
    shares = Shares()
    for site in range(SITES + 1):
        shares.count(f"site{site}", unknown=True, now=START)
    shares.count("site0", unknown=True, now=START)
    assert shares.window("site0", START) == Counts(2, 2)
    assert shares.window(f"site{SITES}", START) == Counts()
