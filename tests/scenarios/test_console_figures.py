"""What the console counts, over kills at any moment."""

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx2

from tests.support.environment import FULL_RUN
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer

KILLS = 20 if FULL_RUN else 2
#: Codes under way at a time, and seconds between two kills at most.
SUBMITTERS = 4
BETWEEN = 1.0


def counted(folder: Path, span: int) -> int:
    """Return how many codes the rows of a span have, of all sites together."""
    with closing(sqlite3.connect(folder / "mailsvc.db")) as connection:
        query = "SELECT coalesce(sum(codes), 0) FROM figures WHERE span = ? AND destination = ''"
        return int(connection.execute(query, (span,)).fetchone()[0])


def ended(folder: Path) -> int:
    """Return how many messages the log says have ended well."""
    with closing(sqlite3.connect(folder / "mailsvc.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM events WHERE type = 'message.sent'").fetchone()[0])


async def submit_on(service: Service, name: str) -> None:
    """Submit code after code, whether the service is there or not."""
    number = 0
    while True:
        number += 1
        try:
            await service.submit(f"{name}{number}@docomo.ne.jp")
        except httpx2.HTTPError:
            await asyncio.sleep(0.05)


async def test_every_code_is_counted_once_whatever_is_killed_when(tmp_path: Path) -> None:
    """After kills between counting and the place in the log, the sums are those of the log, by minute and by hour."""
    chance = random.Random(14)
    async with SmtpPeer() as peer:
        settings = {"ROUTE": f"smtp://127.0.0.1:{peer.port}?tls=none"}
        async with Service(folder=tmp_path, settings=settings) as service:
            submitters = [asyncio.create_task(submit_on(service, f"s{number}-")) for number in range(SUBMITTERS)]
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(0.2, BETWEEN))
                await service.kill()
                await service.start()
            for submitter in submitters:
                submitter.cancel()
            await asyncio.gather(*submitters, return_exceptions=True)
            async with asyncio.timeout(30):
                while counted(tmp_path, 60) < ended(tmp_path):  # noqa: ASYNC110  it is another process
                    await asyncio.sleep(0.1)
            assert ended(tmp_path) > KILLS
            assert counted(tmp_path, 60) == counted(tmp_path, 3600) == ended(tmp_path)
