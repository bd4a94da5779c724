"""What a refusal or deferral does to its message where others can be asked: further hosts, the second route."""

from dataclasses import replace

import pytest

from mailsvc.domain.message import MessageState
from mailsvc.domain.outcome import Attempt, Category, Permanence, Scope
from mailsvc.domain.settlement import settle
from tests.support.domain import NOW, attempt, message

DENIED = attempt(Permanence.PERMANENT, category=Category.REMOTE_ERROR, status="5.7.1", ip="192.0.2.2")
UNKNOWN_USER = attempt(Permanence.PERMANENT, category=Category.USER_UNKNOWN, ip="192.0.2.2")
BLOCKED = attempt(Permanence.PERMANENT, category=Category.REPUTATION_BLOCKED, ip="192.0.2.2")
BUSY = attempt(status="4.2.1")
SILENT = attempt(category=Category.NETWORK_ERROR, scope=Scope.SESSION)


def _second(tried: Attempt) -> Attempt:
    return replace(tried, fallback=True, ip="192.0.2.9")


@pytest.mark.parametrize(
    ("tries", "goes_on"),
    [
        ([BUSY, DENIED], True),
        ([BUSY, BUSY, DENIED, BUSY, DENIED], True),
        ([SILENT, DENIED], True),
        ([DENIED], False),
        ([replace(BUSY, ip=DENIED.ip), DENIED], False),
        ([BUSY, UNKNOWN_USER], False),
        ([BUSY, BLOCKED], False),
        ([BUSY, replace(DENIED, status="5.2.0")], False),
        ([BUSY, _second(DENIED)], True),
        ([SILENT, _second(BLOCKED)], True),
        ([BUSY, DENIED, _second(DENIED)], True),
        ([DENIED, _second(DENIED)], False),
        ([SILENT, _second(UNKNOWN_USER)], False),
        ([_second(DENIED)], False),
    ],
)
def test_refusal_by_one_host_that_says_nothing_of_the_recipient_is_not_the_end(
    tries: list[Attempt],
    goes_on: bool,  # noqa: FBT001  a parameter
) -> None:
    """A secondary that relays for nobody beside a busy primary, or a second route that refuses us, ends no message."""
    settled = settle(message(), tries, now=NOW + 3, jitter=0.0)
    assert (settled.next_attempt_at is not None) is goes_on
    assert (settled.outcome is not None and settled.outcome.state is MessageState.FAILED) is not goes_on


def test_refusal_by_one_host_ends_as_expired_when_no_try_fits() -> None:
    """What the other host said is the cause."""
    outcome = settle(message(), [BUSY, replace(DENIED, at=NOW + 265)], now=NOW + 266, jitter=0.0).outcome
    assert outcome is not None
    assert (outcome.state, outcome.cause) == (MessageState.EXPIRED, Category.REMOTE_TEMPORARY)


@pytest.mark.parametrize(
    ("tried", "next_at"),
    [
        (attempt(Permanence.PERMANENT, scope=Scope.HOST), NOW + 1),
        (attempt(Permanence.PERMANENT, scope=Scope.MESSAGE), NOW + 1),
        (BLOCKED, NOW + 1),
        (DENIED, NOW + 1),
        (UNKNOWN_USER, None),
        (replace(UNKNOWN_USER, scope=Scope.MESSAGE), None),
        (_second(BLOCKED), None),
    ],
)
def test_refusal_of_us_goes_on_by_the_second_route(tried: Attempt, next_at: float | None) -> None:
    """Where there is a second route, only a refusal of the recipient, or its own, ends the message at once."""
    settled = settle(message(), [tried], now=NOW + 1, jitter=0.0, has_fallback=True)
    assert settled.next_attempt_at == next_at
    assert (settled.outcome is None) == (next_at is not None)
    assert settle(message(), [tried], now=NOW + 1, jitter=0.0).outcome is not None


@pytest.mark.parametrize(
    ("life", "ended", "tried", "next_at"),
    [
        (300, 1, SILENT, 3),  # the plan's moment comes first
        (300, 9, SILENT, 15),  # the plan's would be 20
        (300, 50, SILENT, 50),  # a round that took long
        (300, 1, attempt(category=Category.RATE_LIMITED, reply="421 try again in 60 seconds"), 15),
        (300, 1, attempt(category=Category.GREYLISTED, reply="450 try again in 60 seconds"), 62),
        (30, 0.3, SILENT, 10 / 3),
        (40, 10, SILENT, 10),
        (30, 8, SILENT, None),
    ],
)
def test_second_route_has_its_moment_before_the_end(
    life: float, ended: float, tried: Attempt, next_at: float | None
) -> None:
    """Neither the plan nor a wait that a host of the first route names holds the second route up, in any life."""
    settled = settle(message(expires_at=NOW + life), [tried], now=NOW + ended, jitter=0.0, has_fallback=True)
    assert settled.next_attempt_at == (None if next_at is None else pytest.approx(NOW + next_at, abs=1e-3))
