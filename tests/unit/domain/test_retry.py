"""When the next try begins, and where: each moment, the gap, the jitter, the last try, hints, notices, the hosts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.domain.message import Message
from mailsvc.domain.outcome import Attempt, Permanence, Scope
from mailsvc.domain.retry import hosts, next_attempt_at, soon_at, stay_with, too_late
from tests.support.domain import NOW, attempt, message

#: Seconds after acceptance at which a try ended, and at which the next one begins without jitter; life 300 s.
CODE = [
    (0, 3), (1, 3), (1.1, 8), (3, 8), (6, 8), (6.1, 20), (18, 20), (19, 45), (43, 45), (44, 90), (88, 90), (89, 150),
    (148, 150), (149, 220), (218, 220), (218.5, 265), (220, 265), (260, 265), (263, 265), (264, 266), (264.9, 266.9),
    (265, 265), (270, 270), (270.1, None), (299, None), (300, None), (400, None),
]  # fmt: skip
#: The same for a notice that lives 10,000 s.
NOTICE = [
    (0, 3), (149, 220), (218, 220), (219, 600), (598, 600), (599, 1200), (1199, 2400), (2398, 2400), (2399, 5999),
    (5999, 9599), (6364, 9964), (7000, 9965), (9963, 9965), (9964, 9966), (9965, 9965), (9999, 9999), (10_000, 10_000),
    (10_001, None),
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
    at = next_attempt_at(tried, attempt(), NOW + ended, 0.0)
    assert at == (None if begins is None else pytest.approx(NOW + begins, abs=1e-3))


def _next(tried: Message, ended: float, jitter: float = 0.0) -> float | None:
    """Return the next try after a short one."""
    return next_attempt_at(tried, attempt(at=NOW + ended), NOW + ended, jitter)


@pytest.mark.parametrize("life", [30, 34, 35])
def test_code_with_the_shortest_life_has_no_second_try(life: float) -> None:
    """A code that may live hardly longer than its last try may be away from the deadline is tried once."""
    assert next_attempt_at(message(expires_at=NOW + life), attempt(), NOW, 0.0) is None


@pytest.mark.parametrize(("began", "again"), [(264.9, True), (265, False), (268, False)])
def test_last_moment_is_used_once(began: float, again: bool) -> None:  # noqa: FBT001  a parameter
    """A try that began before the last moment and ended after it is repeated at once; the last one is the last."""
    now = NOW + 269
    assert next_attempt_at(CODE_MESSAGE, attempt(at=NOW + began), now, 0.0) == (now if again else None)


HINTED = [
    # seconds after acceptance, the server's words, the next try
    (1, "450 4.2.0 Greylisted, try again in 60 seconds", 62),
    (1, "451 wait 5 minutes", 3),
    (1, "451 wait 4 minutes", 242),
    (200, "451 try again in 64s", 265),
    (200, "451 try again in 65s", 220),
    (1, "450 4.2.0 Greylisted", 3),
    (1, "451 try again in 0 s", 3),
]


@pytest.mark.parametrize(("ended", "reply", "begins"), HINTED)
def test_wait_that_the_server_names_is_obeyed_where_it_fits(ended: float, reply: str, begins: float) -> None:
    """The next try begins a second after the wait asked for, unless that is after the last moment."""
    at = next_attempt_at(CODE_MESSAGE, attempt(reply=reply), NOW + ended, 0.0)
    assert at == pytest.approx(NOW + begins, abs=1e-3)


#: A notice of a day: seconds after acceptance, the server's words, the next try.
HINTED_NOTICE = [
    (1, "451 try again in 5 s", 7),
    (299, "451 try again in 5 s", 305),
    (301, "451 try again in 5 s", 600),
    (3600, "451 try again in 5 s", 7200),
    (301, "451 try again in 20 minutes", 1502),
    (3600, "451 try again in 2 hours", 10_801),
    (3600, "451 try again in 30 hours", 7200),
]


@pytest.mark.parametrize(("ended", "reply", "begins"), HINTED_NOTICE)
def test_short_waits_do_not_replace_the_plan_of_a_notice_for_long(ended: float, reply: str, begins: float) -> None:
    """After five minutes a wait that the server names only ever lengthens the plan's."""
    tried = message(is_code=False, code=None, expires_at=NOW + 86_400)
    at = next_attempt_at(tried, attempt(reply=reply), NOW + ended, 0.0)
    assert at == pytest.approx(NOW + begins, abs=1e-3)


#: Where a copy may have arrived: seconds after acceptance at which a try ended, the next one; life 300 s.
COPIED = [(0, 3), (219, 238), (237, 239), (237.9, 239.9), (238, 238), (239.9, 239.9), (240, None), (264, None)]


@pytest.mark.parametrize(("ended", "begins"), COPIED)
@pytest.mark.parametrize("is_code", [True, False])
def test_mail_that_may_have_arrived_is_repeated_with_more_than_60_seconds_of_life(
    ended: float,
    begins: float | None,
    is_code: bool,  # noqa: FBT001  a parameter
) -> None:
    """After an ambiguous end the last try is due 62 s before the deadline, and none begins with 60 s or less."""
    at = next_attempt_at(message(is_code=is_code, ambiguous=1), attempt(), NOW + ended, 0.0)
    assert at == (None if begins is None else pytest.approx(NOW + begins, abs=1e-3))


@pytest.mark.parametrize(
    ("is_code", "ambiguous", "last"), [(True, 0, 280), (True, 1, 239.9), (False, 0, 300), (False, 1, 239.9)]
)
def test_due_try_is_too_late_at_the_guard_or_where_a_copy_may_have_arrived_a_minute_before(
    is_code: bool,  # noqa: FBT001  a parameter
    ambiguous: int,
    last: float,
) -> None:
    """A try that is taken up late begins until the guard, a repeat with more than 60 s of life."""
    row = message(is_code=is_code, ambiguous=ambiguous)
    assert not too_late(row, NOW + last)
    assert too_late(row, NOW + last + 0.1)


@pytest.mark.parametrize(("jitter", "begins"), [(0.0, 8.0), (0.5, 8.25), (1.0, 8.5)])
def test_jitter_lengthens_the_wait_by_a_tenth_at_most(jitter: float, begins: float) -> None:
    """A wait of 5 s becomes 5.5 s at most."""
    assert next_attempt_at(CODE_MESSAGE, attempt(), NOW + 3, jitter) == pytest.approx(NOW + begins, abs=1e-3)


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
    at = next_attempt_at(tried, attempt(at=NOW + ended), NOW + ended, jitter)
    if at is None:
        assert life - ended <= 35 + 1e-6
    else:
        assert at - (NOW + ended) >= 2 - 1e-6
        assert tried.expires_at - at >= 33 - 1e-6


@given(st.floats(1, 72 * 3600), st.floats(0, 73 * 3600), st.floats(0, 1))
def test_any_try_of_a_notice_keeps_gap_and_life(life: float, ended: float, jitter: float) -> None:
    """A notice is tried again an hour and a tenth later at most, and never after its deadline."""
    tried = message(is_code=False, expires_at=NOW + life)
    at = next_attempt_at(tried, attempt(at=NOW + ended), NOW + ended, jitter)
    if at is None:
        assert life - ended <= 35 + 1e-6
    else:
        assert 2 - 1e-6 <= at - (NOW + ended) <= 3960 + 1e-6
        assert at <= tried.expires_at - 33 + 1e-6


DEFERRED = attempt(ip="192.0.2.1")
REFUSED_US = attempt(Permanence.PERMANENT, scope=Scope.HOST)
REFUSED_MAIL = attempt(Permanence.PERMANENT, scope=Scope.MESSAGE)
NO_ANSWER = attempt(scope=Scope.SESSION)
STOPPED = attempt(Permanence.STOPPED, scope=Scope.MESSAGE)


@pytest.mark.parametrize(
    ("tries", "address"),
    [
        ([], None),
        ([NO_ANSWER], None),
        ([REFUSED_US], None),
        ([DEFERRED], "192.0.2.1"),
        ([DEFERRED, NO_ANSWER], "192.0.2.1"),
        ([DEFERRED, replace(DEFERRED, ip="192.0.2.2"), STOPPED], "192.0.2.2"),
    ],
)
def test_host_that_deferred_the_recipient_is_kept(tries: list[Attempt], address: str | None) -> None:
    """A greylist counts for one host: the next try goes to the one that deferred last."""
    assert stay_with(tries) == address


@pytest.mark.parametrize(("number", "followed"), [(1, True), (12, True), (13, False), (40, False)])
def test_short_waits_are_followed_for_a_few_attempts_only(number: int, followed: bool) -> None:  # noqa: FBT001  a parameter
    """A server that always says "in 0 seconds" makes a code's life a dozen tries of it, then the plan counts again."""
    tried = attempt(number=number, reply="554 try again in 0 seconds")
    at = next_attempt_at(CODE_MESSAGE, tried, NOW + 50, 0.0)
    assert at == pytest.approx(NOW + (52 if followed else 90), abs=1e-3)


def test_longer_wait_is_obeyed_after_any_number_of_attempts() -> None:
    """What is bounded is how often we come, not how long we wait."""
    tried = attempt(number=40, reply="450 Greylisted, try again in 60 seconds")
    assert next_attempt_at(CODE_MESSAGE, tried, NOW + 50, 0.0) == pytest.approx(NOW + 111, abs=1e-3)


@pytest.mark.parametrize(("made", "left"), [(0, 30), (1, 29), (27, 3), (28, 2), (30, 2), (500, 2)])
def test_hosts_of_a_try_are_what_is_left_of_thirty_attempts_and_two_at_least(made: int, left: int) -> None:
    """A site of many hosts has each of them asked at first; a message does not make hundreds of attempts."""
    assert hosts(message(attempts=made)) == left
