"""What a route is told of the time it has: whether another route is to have its turn after it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from mailsvc.clock import Clock
from mailsvc.delivery.deliver import Delivery
from mailsvc.delivery.envelope import Envelope
from mailsvc.delivery.handed import Handed, Round, failed
from mailsvc.domain.classify import Classifier
from mailsvc.domain.message import Message
from mailsvc.domain.reply import Stage
from tests.support.store import accepted, opened


class Told:
    """A route that keeps what it is told, and fails."""

    relays = False

    def __init__(self) -> None:
        self.turns: list[Round] = []

    async def hand_over(self, _envelope: Envelope, turn: Round) -> list[Handed]:
        """Remember the turn."""
        self.turns.append(turn)
        return [failed(Stage.CONNECT, "nobody there", begun=turn.hand_over_by - 10)]

    def predicted_wait(self) -> float:
        """Return nothing."""
        return 0.0

    async def close(self) -> None:
        """Do nothing."""


def _unchanged(message: Message) -> Message:
    return message


def _by_second(message: Message) -> Message:
    return replace(message, by_fallback=True)


def _perhaps_arrived(message: Message) -> Message:
    return replace(message, ambiguous=1)


@pytest.mark.parametrize(
    ("as_it_is", "has_second", "gives_way"),
    [
        (_unchanged, True, True),
        (_unchanged, False, False),
        (_by_second, True, False),
        (_perhaps_arrived, True, False),
    ],
)
@pytest.mark.parametrize(("life", "alone", "leaves"), [(300, 15, 265), (30, 10 / 3, 20 / 3)])
async def test_first_route_gives_way_to_a_second_one_that_may_follow(
    tmp_path: Path,
    as_it_is: Callable[[Message], Message],
    life: float,
    alone: float,
    leaves: float,
    *,
    has_second: bool,
    gives_way: bool,
) -> None:
    """Where none follows, and by the second route itself, all the time until the hand-over is a try's."""
    clock, first, second = Clock(), Told(), Told()
    async with opened(f"sqlite:///{tmp_path / 'mailsvc.db'}") as store:
        with ThreadPoolExecutor(1) as signers:
            delivery = Delivery(
                store=store,
                clock=clock,
                finish=lambda _: b"Subject: mail\r\n\r\nmail\r\n",
                signers=signers,
                classifier=Classifier([]),
                route=first,
                fallback=second if has_second else None,
                bounce_domain="bounce.example.jp",
            )
            now = clock.now()
            message = as_it_is(await accepted(store, accepted_at=now, expires_at=now + life))
            await delivery.attempt(message, now)
    (turn,) = second.turns if as_it_is is _by_second else first.turns
    begun = turn.hand_over_by - (life - 20)
    expected = [begun + alone, begun + leaves] if gives_way else [inf, inf]
    assert [turn.give_way, turn.offer_by] == pytest.approx(expected, abs=0.05)
    assert turn.begin_by == min(turn.give_way, turn.hand_over_by)
