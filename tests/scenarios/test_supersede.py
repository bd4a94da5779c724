"""No older code is handed over after a newer one's 202, nor any code after its cancellation, unless the answer says so.

Pairs of codes 0 to 300 ms apart, through the whole service, to sites whose answers take up to 800 ms.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.dns_zone import DnsServer, Zone
from tests.support.environment import FULL_RUN
from tests.support.recording_peer import RecordingPeer
from tests.support.revocations import Revocation, Said, violations
from tests.support.service import Service

PAIRS = 20_000 if FULL_RUN else 500
#: Login pages that submit at the same time.
PAGES = 64
SITES = 16
GAP_MAX = 0.3  # seconds between the two codes of a pair
DELAY_MAX = 0.8  # seconds before an answer of the peer
PROFILES = "[default]\nconnections = 60\nmails = 100\nidle = 10\n"
#: Two codes of one pair at the same time, one after the other, and two of which the newer one is cancelled.
KINDS = ("together", "reissued", "reissued", "cancelled")


@dataclass(slots=True)
class Pairs:
    """Login pages that ask for a second code, or give up."""

    service: Service
    rng: random.Random
    together: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)  #: whose order the log tells
    revocations: list[Revocation] = field(default_factory=list)
    _answered_at: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Submit all pairs, some at a time."""
        numbers = iter(range(PAIRS))
        await asyncio.gather(*(self._page(numbers) for _ in range(PAGES)))

    async def _page(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            match self.rng.choice(KINDS):
                case "together":
                    first, second = await asyncio.gather(*(self._submit(number) for _ in range(2)))
                    self.together.append((first, second))
                case "reissued":
                    await self._reissue(number)
                case "cancelled":
                    await self._cancel(await self._reissue(number))

    async def _reissue(self, number: int) -> dict[str, Any]:
        older = await self._submit(number)
        await asyncio.sleep(self.rng.uniform(0, GAP_MAX))
        newer = await self._submit(number, template="login_code_reissued")
        self._note(older, newer)
        return newer

    async def _submit(self, number: int, **fields: Any) -> dict[str, Any]:
        to = f"taro.{number}@site{number % SITES}.example"
        response = await self.service.submit(to, challenge=f"login-{number}", **fields)
        answer: dict[str, Any] = response.json()
        self._answered_at[answer["id"]] = time.monotonic()
        return answer

    async def _cancel(self, message: dict[str, Any]) -> None:
        await asyncio.sleep(self.rng.uniform(0, GAP_MAX))
        response = await self.service.client.post(f"/v1/messages/{message['id']}/cancel")
        answered_at = time.monotonic()
        said = {"cancelled": Said.ENDED, "queued": Said.RACED}.get(response.json()["state"], Said.NOTHING)
        self.revocations.append(Revocation(message["id"], "its cancel", said, answered_at))

    def _note(self, older: dict[str, Any], newer: dict[str, Any]) -> None:
        old = older["id"]
        said = Said.ENDED if old in newer["superseded"] else Said.RACED if old in newer["raced"] else Said.NOTHING
        self.revocations.append(Revocation(old, newer["id"], said, self._answered_at[newer["id"]]))

    def order(self, accepted: dict[str, int]) -> None:
        """Note the pairs that were submitted at the same time, by the place of their acceptance in the log."""
        for pair in self.together:
            self._note(*sorted(pair, key=lambda answer: accepted[answer["id"]]))


@pytest.mark.fault
@pytest.mark.timeout(900 if FULL_RUN else 120)
async def test_newer_code_ends_the_older_one_for_good(tmp_path: Path) -> None:
    """What an answer calls ended never arrives, and nothing arrives after an answer that does not name it."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    (tmp_path / "profiles.toml").write_text(PROFILES)
    async with (
        RecordingPeer(delay=lambda: rng.choice((0.0, 0.0, 0.0, rng.uniform(0, DELAY_MAX)))) as peer,
        _dns() as dns,
    ):
        settings = {
            "ROUTE": "mx",
            "DNS": dns.address,
            "MX_PORT": str(peer.port),
            "ALLOW_PRIVATE_MX": "true",
            "PROFILES": str(tmp_path / "profiles.toml"),
        }
        async with Service(folder=tmp_path / "data", settings=settings) as service:
            pairs = Pairs(service, rng)
            await pairs.run()
            states = await _settled(service, pairs)
    revocations = pairs.revocations
    counts = Counter(revocation.said for revocation in revocations)
    print(f"{len(revocations)} revocations: {counts}; {Counter(states.values())}")
    assert violations(revocations, peer.arrivals, states) == []
    assert all(counts[said] > len(revocations) // 100 for said in Said), "the run shows nothing"
    # The check sees a service that would not tell of a race.
    silent = [replace(each, said=Said.ENDED) for each in revocations if each.said is Said.RACED]
    assert violations(silent, peer.arrivals, states)


def _dns() -> DnsServer:
    zone: Zone = {f"mx.site{number}.example": {"A": ["127.0.0.1"]} for number in range(SITES)}
    zone |= {f"site{number}.example": {"MX": [f"10 mx.site{number}.example."]} for number in range(SITES)}
    return DnsServer(zone=zone)


async def _settled(service: Service, pairs: Pairs) -> dict[str, str]:
    """Return the state of every message once all are final."""
    async with asyncio.timeout(60):
        while True:
            events = await service.events()
            accepted = {event["message"]: event["seq"] for event in events if event["type"] == "message.accepted"}
            states = {event["message"]: event["data"]["state"] for event in events if event["message"] in accepted}
            if "queued" not in states.values():
                pairs.order(accepted)
                return states
            await asyncio.sleep(1)
