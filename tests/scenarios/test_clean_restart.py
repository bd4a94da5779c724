"""SIGTERM under load: what is under way ends in order, so a restart makes no second copy and no doubt."""

import asyncio
import random
import time
from pathlib import Path

import pytest

from tests.support.environment import FULL_RUN
from tests.support.ledger import Ledger, ambiguous, collect
from tests.support.load import HEALTHY, Aim, Load, script
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer

ROUNDS = 50 if FULL_RUN else 10


@pytest.mark.fault
@pytest.mark.timeout(300 if FULL_RUN else 120)
async def test_stopped_under_load_leaves_no_duplicate_and_no_doubt(tmp_path: Path) -> None:
    """Restarts by SIGTERM under load, also at the dot, end with code 0, no ambiguous attempt and no second copy."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng, aim, ledger = random.Random(seed), Aim(), Ledger()
    async with SmtpPeer(script=script(aim, rng)) as peer:
        settings = {"ROUTE": f"smtp://127.0.0.1:{peer.port}?tls=none"}
        async with Service(folder=tmp_path, settings=settings) as service:
            load = Load(service, ledger, rng, kinds=HEALTHY)
            for _ in range(ROUNDS):
                await _round(load, aim, rng)
            assert not load.refused
            for message_id in ledger.accepted:
                await service.outcome(message_id)
            found = await collect(service, peer.stored)
    assert ledger.violations(found) == []
    assert len(found.messages) > ROUNDS
    assert sum(ambiguous(view) for view in found.messages.values()) == 0
    assert all(len(mails) == 1 for mails in found.copies.values())


async def _round(load: Load, aim: Aim, rng: random.Random) -> None:
    """Load the service, stop it while a mail is at the dot, start it and repeat what got no answer."""
    running = asyncio.create_task(load.run(clients=4))
    dot = aim.at_dot(rng.randrange(20))
    await asyncio.wait([asyncio.create_task(dot.wait())], timeout=3)
    stopping = asyncio.create_task(load.service.stop())
    await asyncio.sleep(rng.uniform(0, 0.3))
    load.stop()
    assert await stopping == 0
    await running
    await load.service.start()
    load.ledger.back_at = time.time()
    await load.repeat_unanswered()
