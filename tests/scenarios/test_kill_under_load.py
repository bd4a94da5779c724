"""kill -9 under load, again and again: nothing that was accepted is lost, told twice or mailed without a reason.

The peer outlives the service. A third of the kills are aimed at the dot: the peer has read it and not answered.
"""

import asyncio
import random
import time
from pathlib import Path

import pytest

from tests.support.environment import FULL_RUN
from tests.support.ledger import Found, Ledger, ambiguous, collect
from tests.support.load import Aim, Load, script
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer

ROUNDS = 200 if FULL_RUN else 6
#: The share that must be sent of what had over 60 s of life at every restart, which is all there is here.
SHARE = 0.99


@pytest.mark.fault
@pytest.mark.timeout(1500 if FULL_RUN else 120)
async def test_killed_under_load_every_acceptance_has_one_outcome(tmp_path: Path) -> None:
    """After kills at random points and at the dot every 202 has one outcome, and every copy a recorded reason."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng, aim, ledger = random.Random(seed), Aim(), Ledger()
    async with SmtpPeer(script=script(aim, rng)) as peer:
        settings = {"ROUTE": f"smtp://127.0.0.1:{peer.port}?tls=none"}
        async with Service(folder=tmp_path, settings=settings) as service:
            load = Load(service, ledger, rng)
            for _ in range(ROUNDS):
                await _round(load, aim, rng)
            assert not load.refused
            assert not load.unanswered
            found = await _settled(service, peer)
    assert ledger.violations(found) == []
    repeated = sum(ambiguous(view) > 0 for view in found.messages.values())
    copies = sum(len(mails) > 1 for mails in found.copies.values())
    print(f"{len(found.messages)} messages, {repeated} with an ambiguous attempt, {copies} mailed twice")
    assert repeated > ROUNDS // 10, "the kills missed every dot: the run shows nothing"
    states = _deliverable(load, found)
    assert states.count("sent") >= SHARE * len(states), states


def _deliverable(load: Load, found: Found) -> list[str]:
    """Return the states of what one fault at most kept from a mailbox that takes mail.

    A mail that was lost at the dot twice, or is no longer wanted when it was lost there, ends as unknown.
    """
    answers = load.ledger.accepted.values()
    unwanted = load.unwanted.union(*(answer["superseded"] + answer["raced"] for answer in answers))
    refused = {event["message"] for event in found.events if event["address"].startswith("refuse")}
    once = [view for view in found.messages.values() if ambiguous(view) < 2]
    return [view["state"] for view in once if view["id"] not in unwanted | refused]


async def _round(load: Load, aim: Aim, rng: random.Random) -> None:
    """Load the service, kill it at some point, start it and repeat what got no answer."""
    running = asyncio.create_task(load.run())
    if rng.random() < 1 / 3:
        dot = aim.at_dot(rng.randrange(40))
        await asyncio.wait([asyncio.create_task(dot.wait())], timeout=3)
    else:
        await asyncio.sleep(rng.uniform(0.02, 0.6))
    await load.service.kill()
    load.stop()
    await running
    await load.service.start()
    load.ledger.back_at = time.time()
    await load.repeat_unanswered()


async def _settled(service: Service, peer: SmtpPeer) -> Found:
    """Return what is there once every message is final."""
    found = await collect(service, peer.stored)
    for message_id, view in found.messages.items():
        if view["state"] == "queued":
            await service.outcome(message_id)
    return await collect(service, peer.stored)
