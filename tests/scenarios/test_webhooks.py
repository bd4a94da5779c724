"""Webhooks while both sides are killed: each event at least once, a message's in their order, none lost (P6).

The receiver answers 500, resets, hangs, answers 200 and dies, and is killed; so is the service. What was pushed is
compared with what /v1/events has.
"""

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.environment import FULL_RUN
from tests.support.service import Service
from tests.support.webhook_receiver import DIE, HANG, OK, RESET, Act, Got, WebhookReceiver

#: Each makes three events or four.
CODES = 16_700 if FULL_RUN else 120
KILLS = 20 if FULL_RUN else 3
CLIENTS = 16
FAULTS = (Act(500), Act(500), Act(503, (("retry-after", "1"),)), RESET, DIE)
#: The share of events that meet a fault, and of those that meet it twice; a hang takes ten seconds.
SHARE, TWICE, HANGS = (0.05, 0.1, 20) if FULL_RUN else (0.05, 0, 0)


class Faults:
    """Lets some events fail once or twice, and then takes them."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._left: dict[str, int] = {}
        self._hangs = HANGS

    def __call__(self, event: dict[str, Any]) -> Act:
        """Say what to do with an event."""
        left = self._left.setdefault(event["id"], self._number())
        if left == 0:
            return OK
        self._left[event["id"]] = left - 1
        if self._hangs and event["seq"] % 50 == 0:
            self._hangs -= 1
            return HANG
        return self._rng.choice(FAULTS)

    def _number(self) -> int:
        drawn = self._rng.random()
        return 0 if drawn > SHARE else 2 if drawn < SHARE * TWICE else 1


@pytest.mark.fault
@pytest.mark.timeout(1500 if FULL_RUN else 180)
async def test_killed_on_both_sides_every_event_is_pushed_in_order(tmp_path: Path) -> None:
    """After kills of the service and of the receiver the pushed stream is the log, a message's events in order."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    receiver = WebhookReceiver(script=Faults(rng))
    service = Service(folder=tmp_path, settings={"WEBHOOKS": receiver.setting(), "LOG": "warning"})
    async with receiver, service:
        codes = asyncio.create_task(_codes(service, CODES))
        for number in range(KILLS):
            await asyncio.sleep(rng.uniform(0.3, 5.0 if FULL_RUN else 1.0))
            await _kill(receiver if number % 2 else service)
        await codes
        log = await _settled(service, receiver)
    _check(log, receiver.got)
    print(f"{KILLS} kills", end=", ")
    repeated = Counter(got.id for got in receiver.taken)
    print(f"{len(log)} events, {len(receiver.got)} requests, {sum(n > 1 for n in repeated.values())} taken twice")


def _check(log: list[dict[str, Any]], got: list[Got]) -> None:
    """Compare the streams, and walk through the requests as they came."""
    logged = {event["id"]: event for event in log}
    earlier: dict[str, list[str]] = {}  # by event: those before it of its message
    of_message: dict[str, list[str]] = {}
    for event in log:
        before = of_message.setdefault(event["message"] or event["address"], [])
        earlier[event["id"]] = list(before)
        before.append(event["id"])
    taken: set[str] = set()
    bodies: dict[str, bytes] = {}
    for one in got:
        assert one.event == logged[one.id], "pull and push differ"
        assert bodies.setdefault(one.id, one.body) == one.body, "another try had another body"
        assert taken.issuperset(earlier[one.id]), "sent before an earlier event of its message was taken"
        if one.status == 200:
            taken.add(one.id)
    assert taken == logged.keys(), f"{len(logged.keys() - taken)} events were lost"


async def _codes(service: Service, count: int) -> None:
    """Submit codes and report them as used, whatever is killed meanwhile."""
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            submitted = await _insist(service, "/v1/messages", _body(number), key=f"k-{number}")
            await _insist(service, f"/v1/messages/{submitted['id']}/used", {})

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


def _body(number: int) -> dict[str, Any]:
    return {"to": f"u{number}@example.jp", "template": "login_code", "code": "042917", "expires_in": 300}


async def _insist(service: Service, path: str, body: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    """Ask until there is an answer."""
    headers = {"Idempotency-Key": key} if key else {}
    while True:
        try:
            answer = await service.client.post(path, json=body, headers=headers)
        except httpx2.HTTPError:
            await asyncio.sleep(0.05)
            continue
        assert answer.status_code in {200, 202, 503}, answer.text
        if answer.status_code != 503:
            found: dict[str, Any] = answer.json()
            return found
        await asyncio.sleep(0.1)


async def _kill(side: Service | WebhookReceiver) -> None:
    """End a side at once, and have it back after a moment."""
    if isinstance(side, Service):
        await side.kill()
    else:
        await side.die()
        await asyncio.sleep(1.0)
    await side.start()


async def _settled(service: Service, receiver: WebhookReceiver) -> list[dict[str, Any]]:
    """Return the log once all of it is pushed."""
    while True:
        (state,) = (await service.client.get("/v1/webhooks")).json()["webhooks"]
        if state["pending"] == 0:
            break
        await asyncio.sleep(0.2)
    assert state["parked"] == 0
    assert receiver.got
    # The sample mail of development was accepted before the endpoint's first start, or just after it.
    first = min(got.event["seq"] for got in receiver.got)
    return [event for event in await service.events() if event["seq"] >= first]
