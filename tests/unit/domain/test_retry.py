"""When the next try begins: each moment, the gap, the jitter, the last try, notices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.domain.message import Message
from mailsvc.domain.retry import next_attempt_at, soon_at
from tests.support.domain import NOW, message

#: Seconds after acceptance at which a try ended, and at which the next one begins without jitter; life 300 s.
CODE = [
    (0, 3), (1, 3), (1.1, 8), (3, 8), (6, 8), (6.1, 20), (18, 20), (19, 45), (43, 45), (44, 90), (88, 90), (89, 150),
    (148, 150), (149, 220), (218, 220), (218.5, 265), (220, 265), (260, 265), (263, 265), (264, 266), (264.9, 266.9),
    (265, None), (266, None), (299, None), (300, None), (400, None),
]  # fmt: skip
#: The same for a notice that lives 10,000 s.
NOTICE = [
    (0, 3), (149, 220), (218, 220), (219, 600), (598, 600), (599, 1200), (1199, 2400), (2398, 2400), (2399, 5999),
    (5999, 9599), (6400, 10_000), (7000, 10_000), (9997, 10_000), (9998, 10_000), (9999, None), (10_000, None),
]  # fmt: skip
CODE_MESSAGE = message()
NOTICE_MESSAGE = message(is_code=False, code=None, expires_at=NOW + 10_000)


@pytest.mark.parametrize(("ended", "begins"), CODE)
def test_code_is_tried_at_its_moments(ended: float, begins: float | None) -> None:
    """A code is tried 3, 8, 20, 45, 90, 150 and 220 s after acceptance and last 35 s before its deadline."""
    _check(CODE_MESSAGE, ended, begins)


@pytest.mark.parametrize(("ended", "begins"), NOTICE)
def test_notice_is_tried_at_its_moments_then_hourly(ended: float, begins: float | None) -> None:
    """A notice goes on after 10, 20 and 40 min, then hourly until its deadline."""
    _check(NOTICE_MESSAGE, ended, begins)


def _check(tried: Message, ended: float, begins: float | None) -> None:
    at = next_attempt_at(tried, NOW + ended, 0.0)
    assert at == (None if begins is None else pytest.approx(NOW + begins, abs=1e-3))


@pytest.mark.parametrize("life", [30, 34, 35])
def test_code_with_the_shortest_life_has_no_second_try(life: float) -> None:
    """A code that may live hardly longer than its last try may be away from the deadline is tried once."""
    assert next_attempt_at(message(expires_at=NOW + life), NOW, 0.0) is None


@pytest.mark.parametrize(("jitter", "begins"), [(0.0, 8.0), (0.5, 8.25), (1.0, 8.5)])
def test_jitter_lengthens_the_wait_by_a_tenth_at_most(jitter: float, begins: float) -> None:
    """A wait of 5 s becomes 5.5 s at most."""
    assert next_attempt_at(CODE_MESSAGE, NOW + 3, jitter) == pytest.approx(NOW + begins, abs=1e-3)


@pytest.mark.parametrize(("left", "allowed"), [(300, True), (30, True), (29.9, False), (20, False), (0, False)])
def test_repeat_of_a_code_at_once_needs_30_seconds(left: float, allowed: bool) -> None:  # noqa: FBT001  a parameter
    """A stopped or interrupted try of a code is repeated at once while 30 s are left."""
    now = CODE_MESSAGE.expires_at - left
    assert soon_at(CODE_MESSAGE, now) == (now if allowed else None)


@pytest.mark.parametrize(("left", "allowed"), [(10_000, True), (1, True), (0, True), (-0.1, False)])
def test_repeat_of_a_notice_at_once_needs_only_its_life(left: float, allowed: bool) -> None:  # noqa: FBT001  a parameter
    """A notice has no guard."""
    now = NOTICE_MESSAGE.expires_at - left
    assert soon_at(NOTICE_MESSAGE, now) == (now if allowed else None)


@given(st.floats(30, 330), st.floats(0, 340), st.floats(0, 1))
def test_any_try_of_a_code_keeps_gap_and_life(life: float, ended: float, jitter: float) -> None:
    """Whenever a try ends, the next begins 2 s later or more and with 30 s of life or more, or not at all."""
    tried = message(expires_at=NOW + life)
    at = next_attempt_at(tried, NOW + ended, jitter)
    if at is None:
        assert life - ended <= 35 + 1e-6
    else:
        assert at - (NOW + ended) >= 2 - 1e-6
        assert tried.expires_at - at >= 33 - 1e-6


@given(st.floats(1, 72 * 3600), st.floats(0, 73 * 3600), st.floats(0, 1))
def test_any_try_of_a_notice_keeps_gap_and_life(life: float, ended: float, jitter: float) -> None:
    """A notice is tried again an hour and a tenth later at most, and never after its deadline."""
    tried = message(is_code=False, expires_at=NOW + life)
    at = next_attempt_at(tried, NOW + ended, jitter)
    if at is None:
        assert life - ended < 2 + 1e-6
    else:
        assert 2 - 1e-6 <= at - (NOW + ended) <= 3960 + 1e-6
        assert at <= tried.expires_at
