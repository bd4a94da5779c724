"""The battery against one running service: all stories at one time, each to a domain of its own.

The stories stand in ``battery/``, one kind of trouble per file. The short form plays those that are over soon.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from mailsvc.domain.instant import parse_rfc3339
from tests.scenarios.battery import STORIES
from tests.scenarios.battery.play import Played, Sent, play_all, problems
from tests.scenarios.battery.site import Ground, Holes
from tests.scenarios.battery.story import TOLERANCE, Story
from tests.support.dns_zone import DnsServer
from tests.support.environment import FULL_RUN
from tests.support.ledger import Found, Ledger, View, collect
from tests.support.service import Service, free_port

#: Stories that last longer are for the full run (seconds).
SHORT = 125.0
PLAYED = [story for story in STORIES if FULL_RUN or story.lasts <= SHORT]

pytestmark = [
    pytest.mark.fault,
    pytest.mark.timeout(480),  # the whole battery plays in the first test that asks for it
    pytest.mark.xdist_group("battery"),
]


class Battery:
    """One run of all stories."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.played: dict[str, Played] = {}
        self.found: Found

    async def run(self, folder: Path) -> None:
        """Play, wait until every story is over, and collect."""
        dns = DnsServer()
        with Holes() as holes:
            async with dns, Ground(zone=dns.zone, port=free_port(), holes=holes) as ground:
                settings = {
                    "ROUTE": "mx",
                    "DNS": dns.address,
                    "MX_PORT": str(ground.port),
                    "ALLOW_PRIVATE_MX": "true",
                }
                async with Service(folder=folder, settings=settings) as self.service:
                    played = await play_all(PLAYED, ground, self._submit)
                    self.played = {one.story.name: one for one in played}
                    mails = [mail for one in played for peer in one.site.peers for mail in peer.stored]
                    self.found = await collect(self.service, mails)

    async def _submit(self, to: str, code: str, life: float) -> str:
        answer = await self.service.submit(to, code=code, expires_in=life)
        assert answer.status_code == 202, answer.text
        self.ledger.record(answer.json())
        return cast("str", answer.json()["id"])


@pytest.fixture(scope="module")
def battery() -> Battery:
    """Run it once."""
    battery = Battery()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(battery.run(Path(folder)))
    return battery


@pytest.mark.parametrize("story", PLAYED, ids=lambda story: story.name)
def test_story_ends_as_it_must(battery: Battery, story: Story) -> None:
    """Every code that could be taken arrives in time and alive, no other is handed over, and the outcome says why."""
    played = battery.played[story.name]
    wrong = {
        code.to: found
        for code in played.codes
        if (found := [*problems(played, code), *_outcome(story, code, battery.found)])
    }
    assert wrong == {}


def test_battery_keeps_every_promise_of_the_ledger(battery: Battery) -> None:
    """Over all stories: one outcome for each 202, events in agreement, every copy with a reason and its bytes equal."""
    assert battery.ledger.violations(battery.found) == []


def _outcome(story: Story, code: Sent, found: Found) -> Iterator[str]:
    view = found.messages[code.name]
    if view["state"] != story.state:
        yield f"is {view['state']}, not {story.state}: {_attempts(view)}"
        return
    outcome = view["outcome"]
    for what, wanted in (("category", story.category), ("cause", story.cause)):
        if wanted is not None and outcome[what] != wanted:
            yield f"has the {what} {outcome[what]}, not {wanted}: {_attempts(view)}"
    accepted, known = parse_rfc3339(view["accepted_at"]), parse_rfc3339(outcome["at"])
    if known - accepted > story.known_by:
        yield f"was known after {known - accepted:.1f} s, not within {story.known_by:g} s"
    late = known - (accepted + parse_rfc3339(view["expires_at"])) / 2
    if late > TOLERANCE and "message.at_risk" not in _events(found, code.name):
        yield "was at risk, and no event says so"


def _events(found: Found, message_id: str) -> list[Any]:
    return [event["type"] for event in found.events if event["message"] == message_id]


def _attempts(view: View) -> list[str]:
    return [
        f"{attempt['at'][14:22]} {attempt['host']} {attempt['stage']} {attempt['reply']}"
        for attempt in view["attempts"]
    ]
