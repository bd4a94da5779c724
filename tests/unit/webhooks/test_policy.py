"""What an answer means, when it is tried again, when an endpoint is left alone."""

import pytest

from mailsvc.webhooks.policy import ENOUGH, HINT_MAX, JITTER, LADDER, PATIENCE, PAUSES, Circuit, Fate, fate, next_try

NOW = 1000.0
WHY = "answered 500"


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (range(200, 300), Fate.DELIVERED),
        (range(300, 400), Fate.FAILED),
        ([status for status in range(400, 500) if status not in {408, 425, 429}], Fate.REFUSED),
        ([408, 425, 429], Fate.FAILED),
        (range(500, 600), Fate.FAILED),
        ([None, 100, 101, 600, 999], Fate.FAILED),
    ],
    ids=["2xx", "redirect", "final 4xx", "passing 4xx", "5xx", "no answer"],
)
def test_status_has_one_fate(statuses: list[int | None], expected: Fate) -> None:
    """Every status delivers, parks that event alone, or is tried again (CONTRACT 3.6)."""
    assert {fate(status) for status in statuses} == {expected}


def test_ladder_begins_at_5_s_and_covers_72_h() -> None:
    """The first retry comes after 5 s, waits never get shorter, and the last one repeats until the time is over."""
    waits = [next_try(tries, NOW) - NOW for tries in range(1, 30)]
    for wait, step in zip(waits, (*LADDER, *[LADDER[-1]] * 30), strict=False):
        assert step <= wait <= step * (1 + JITTER) + 1e-6
    assert waits[0] < 6
    assert sum(waits[:20]) > PATIENCE


@pytest.mark.parametrize(("hint", "wait"), [(None, 5), (0.0, 5), (-9.0, 5), (3.0, 5), (30.0, 30), (10**9, HINT_MAX)])
def test_hint_lengthens_within_bounds(hint: float | None, wait: float) -> None:
    """Retry-After is obeyed where it asks for more than the ladder, up to an hour."""
    assert wait <= next_try(1, NOW, hint) - NOW <= wait * (1 + JITTER) + 1e-6


def failed(circuit: Circuit, now: float, times: int) -> list[bool]:
    return [circuit.fail(now, WHY) for _ in range(times)]


def test_few_failures_do_not_pause_the_endpoint() -> None:
    """Some events that fail say nothing of the endpoint, as long as others are taken between them."""
    circuit = Circuit()
    for _ in range(3):
        assert not any(failed(circuit, NOW, ENOUGH - 1))
        assert circuit.succeed() is False
    assert circuit.room(NOW, 32) == 32


def test_endpoint_that_fails_again_and_again_gets_one_request_at_the_end_of_each_pause() -> None:
    """Pauses grow to five minutes and stay there; what was under way when one began does not lengthen it."""
    circuit = Circuit()
    now = NOW
    assert failed(circuit, now, ENOUGH)[-1]
    for step in (*PAUSES, PAUSES[-1]):
        assert circuit.until is not None
        assert step <= circuit.until - now <= step * (1 + JITTER) + 1e-6
        assert not any(failed(circuit, now, 30))
        assert circuit.room(circuit.until - 0.1, 32) == 0
        now = circuit.until
        assert circuit.room(now, 32) == 1
        assert circuit.fail(now, WHY)
    assert circuit.failure is not None
    assert circuit.failure.problem == WHY


def test_first_answer_ends_the_pause() -> None:
    """An endpoint that answers is tried with everything again, and its next pause is a short one."""
    circuit = Circuit()
    failed(circuit, NOW, ENOUGH)
    failed(circuit, NOW + 100, 1)
    assert circuit.succeed() is True
    assert circuit.room(NOW, 32) == 32
    assert not any(failed(circuit, NOW, ENOUGH - 1))
    assert failed(circuit, NOW, 1) == [True]
    assert circuit.until is not None
    assert circuit.until - NOW < 6


def test_429_pauses_at_once_for_as_long_as_it_asks() -> None:
    """An endpoint that gets too much is left alone without four more failures."""
    circuit = Circuit()
    assert circuit.fail(NOW, "answered 429", hint=60, overrun=True)
    assert circuit.until is not None
    assert 60 <= circuit.until - NOW <= 66
