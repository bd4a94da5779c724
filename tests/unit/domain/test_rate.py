"""Rate limits per address, against an oracle that tries every second."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.domain.rate import Limits, retry_after

DEFAULT = ((3, 30.0), (8, 600.0), (60, 86400.0))
CASES = [
    ((), [], None),
    ((), [0] * 100, None),
    (DEFAULT, [], None),
    (DEFAULT, [0, 0], None),
    (DEFAULT, [0, 0, 0], 30),
    (DEFAULT, [0, -10, -29], 1),
    (DEFAULT, [0, -10, -30], None),
    (DEFAULT, [0, -10, -40, -50], None),
    (DEFAULT, [-31, -32, -33, -100, -200, -300, -400, -590], 10),
    (DEFAULT, [0, -1, -2, -100, -200, -300, -400, -590], 28),
    (DEFAULT, [-1000 - second for second in range(60)], 86400 - 1059),
    (((1, 60.0),), [0], 60),
    (((1, 60.0),), [5], 65),
]


@pytest.mark.parametrize(("limits", "accepted", "wait"), CASES)
def test_retry_after_is_the_longest_wait_of_all_limits(
    limits: Limits, accepted: list[float], wait: float | None
) -> None:
    """Each limit counts in its own window; what waits longest decides."""
    assert retry_after(limits, accepted, 0) == wait


_LIMITS = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 30)), max_size=3)
_ACCEPTED = st.lists(st.integers(-40, 0), max_size=12).map(lambda instants: sorted(instants, reverse=True))


@given(_LIMITS, _ACCEPTED)
def test_retry_after_is_the_first_second_at_which_one_more_fits(limits: Limits, accepted: list[float]) -> None:
    """Waiting as long as told is enough, and a second less is not."""
    assert (retry_after(limits, accepted, 0) or 0) == next(at for at in range(100) if _fits(limits, accepted, at))


@given(_LIMITS, st.lists(st.integers(0, 60), max_size=60).map(sorted))
def test_limits_never_exceeded_in_any_window(limits: Limits, asked: list[float]) -> None:
    """When every submit asks, no window of any limit ever holds more than its count."""
    accepted: list[float] = []
    for at in asked:
        if retry_after(limits, accepted, at) is None:
            accepted.insert(0, at)
    for count, seconds in limits:
        for end in range(61):
            assert sum(end - seconds < at <= end for at in accepted) <= count


def _fits(limits: Limits, accepted: list[float], at: float) -> bool:
    return all(sum(at - seconds < earlier for earlier in accepted) < count for count, seconds in limits)
