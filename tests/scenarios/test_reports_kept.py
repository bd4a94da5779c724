"""Reports under kill -9 and a full disk: what was answered 250 takes effect, once, whatever happened in between."""

import asyncio
import contextlib
import random
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.environment import FULL_RUN
from tests.support.ledger import collect
from tests.support.receiver import calling
from tests.support.reports import dsn, return_path
from tests.support.service import Service, free_port
from tests.support.tags import tags_of

REPORTS = 20_000 if FULL_RUN else 200
SENDERS = 8
#: Reports that are sent between two faults, about.
STRETCH = 300 if FULL_RUN else 40


class Relay:
    """Sends reports as relays do: again and again, until each has had its 250."""

    def __init__(self, port: int, reports: Sequence[tuple[str, bytes]]) -> None:
        """Take return paths and mails."""
        self.port = port
        self.waiting = list(reports)
        self.kept = 0  #: 250s that were seen
        self.deferred = 0  #: 4yz that were seen

    async def run(self) -> None:
        """Send until nothing waits."""
        await asyncio.gather(*(self._send() for _ in range(SENDERS)))

    async def _send(self) -> None:
        while self.waiting:
            with contextlib.suppress(OSError, AssertionError):
                await self._session()
            await asyncio.sleep(0.02)

    async def _session(self) -> None:
        async with calling(self.port) as caller:
            for _ in range(50):
                if not self.waiting:
                    return
                path, raw = self.waiting.pop()
                reply = ""
                try:
                    reply = await caller.mail(raw, path)
                finally:
                    if not reply.startswith("250"):
                        assert not reply.startswith("5"), reply
                        self.deferred += reply.startswith("4")
                        self.waiting.append((path, raw))
                self.kept += reply.startswith("250")
                if not reply.startswith("250"):
                    return


@pytest.mark.fault
@pytest.mark.timeout(1500 if FULL_RUN else 120)
async def test_every_report_that_was_answered_takes_effect_once(tmp_path: Path) -> None:
    """Of reports that come while the service is killed and its disk is full none is lost and none counts twice."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng, port = random.Random(seed), free_port()
    async with Service(folder=tmp_path, settings={"RECEIVER": f"127.0.0.1:{port}", "LOG": "warning"}) as service:
        relay = Relay(port, await _reports(service))
        sending = asyncio.create_task(relay.run())
        kills = 0
        while not sending.done():
            goal = relay.kept + rng.randrange(2 * STRETCH)
            while relay.kept < goal and not sending.done():  # noqa: ASYNC110  the relay only counts
                await asyncio.sleep(0.005)
            await service.kill()
            await service.start()
            kills += 1
            if kills % 2:
                await _fill_the_disk(service, rng)
        await sending
        await _all_read(service)
        views = (await collect(service, [])).messages.values()
        told = [len(view["feedback"]) for view in views if view["customer"] == "bounced"]
        states = (await service.client.get("/v1/reports?state=quarantined")).json()["reports"]
    print(f"{relay.kept} reports kept, {relay.deferred} deferred, {kills} kills")
    assert told == [1] * REPORTS
    assert states == []
    assert kills > 2


async def _reports(service: Service) -> list[tuple[str, bytes]]:
    """Return a bounce of a mail to each of many addresses."""
    messages: dict[str, str] = {}

    async def submit(numbers: Iterator[int]) -> None:
        for number in numbers:
            to = f"t{number}@example.jp"
            answer = await service.submit(to, challenge=to, customer="bounced")
            messages[to] = answer.json()["id"]
            await service.outcome(messages[to])

    numbers = iter(range(REPORTS))
    await asyncio.gather(*(submit(numbers) for _ in range(16)))
    tags = tags_of(service.folder)
    return [
        (return_path(tags[to]), dsn(return_path(tags[to]), about=message, recipient=to, note=to))
        for to, message in messages.items()
    ]


async def _fill_the_disk(service: Service, rng: random.Random) -> None:
    """Let the kernel refuse the service every longer file for a moment."""
    assert service._process is not None
    pid: Any = service._process.pid
    size = (service.folder / "mailsvc.db-wal").stat().st_size
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    await asyncio.sleep(rng.uniform(0.1, 0.5))
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


async def _all_read(service: Service) -> None:
    async with asyncio.timeout(300):
        while (await service.client.get("/v1/reports?state=pending&limit=1")).json()["reports"]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
