"""A machine that is suspended and wakes up: what was under way ends by the clock that went on."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mailsvc.clock import Clock
from mailsvc.delivery.deliver import Delivery
from mailsvc.delivery.envelope import Envelope
from mailsvc.delivery.handed import Handed, Round
from mailsvc.domain.classify import Classifier
from mailsvc.domain.reply import Stage
from tests.support.store import accepted, opened


class Slept(Clock):
    """The clock of a process; the machine can be said to have slept."""

    asleep = 0.0

    def now(self) -> float:
        """Return the present instant."""
        return super().now() + self.asleep


class Silent:
    """A route whose server says nothing more, before the dot or after it."""

    relays = False

    def __init__(self, asks: Stage) -> None:
        self._asks = asks
        self.asked = asyncio.Event()

    async def hand_over(self, _envelope: Envelope, turn: Round) -> list[Handed]:
        """Ask a gate and wait until the deadlines of the event loop's clock."""
        assert await turn.gate(self._asks) is None
        self.asked.set()
        await asyncio.sleep(turn.answer_by - asyncio.get_running_loop().time())
        return []

    def predicted_wait(self) -> float:
        """Return nothing."""
        return 0.0

    async def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(("stage", "state"), [(Stage.MAIL, "expired"), (Stage.DOT, "unknown")])
async def test_code_that_slept_through_its_life_ends_when_the_machine_wakes(
    tmp_path: Path, stage: Stage, state: str
) -> None:
    """An hour of sleep in the middle of a round ends it at once: expired before the dot, unknown after it."""
    clock, route = Slept(), Silent(stage)
    async with opened(f"sqlite:///{tmp_path / 'mailsvc.db'}") as store:
        with ThreadPoolExecutor(1) as signers:
            delivery = Delivery(
                store=store,
                clock=clock,
                finish=lambda _: b"Subject: mail\r\n\r\nmail\r\n",
                signers=signers,
                classifier=Classifier([]),
                route=route,
                fallback=None,
                bounce_domain="bounce.example.jp",
            )
            now = clock.now()
            message = await accepted(store, accepted_at=now, expires_at=now + 300)
            round_ = asyncio.create_task(delivery.attempt(message, now))
            async with asyncio.timeout(10):
                await route.asked.wait()
                clock.asleep = 3600.0
                ended = await round_
    assert ended.state == state
    assert ended.attempts == 1
