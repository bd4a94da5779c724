"""A site that takes codes and lets them vanish, seen by a running service; killed, it does not tell that again."""

import asyncio
import base64
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.service import SECRET_KEY, Service
from tests.support.store import opened
from tests.support.uses import judge, known, logins

SITE, OTHER = "docomo.ne.jp", "google.com"
#: The codes below can be judged a second after they are in the store: by the service, once it has started.
AGE = 329.0
GAUGE = f'mailsvc_silent_discard{{destination="{SITE}"}} 1.0'
QUERY = "/v1/events?types=destination.silent_discard&after=0&wait=20"


async def taken(folder: Path, *fates: tuple[str, Sequence[bool]]) -> None:
    """Leave a store behind in which known sites took codes a few minutes ago."""
    now = time.time()
    async with opened(f"sqlite:///{folder / 'mailsvc.db'}", (base64.b64decode(SECRET_KEY),)) as store:
        await judge(store, now - AGE - 1)
        await known(store, *(site for site, _ in fates), at=now - AGE - 1)
        for site, used in fates:
            await logins(store, now - AGE, site, used)
        for ago in range(300, -1, -50):
            await judge(store, now - ago)


async def told(service: Service) -> list[dict[str, Any]]:
    """Return the events, waiting for the first."""
    events: list[dict[str, Any]] = (await service.client.get(QUERY)).json()["events"]
    return events


async def test_silent_discard_is_told_once_over_a_kill(tmp_path: Path) -> None:
    """Event, metric and log line come within seconds of the judgement; a new process knows it and is silent."""
    await taken(tmp_path, (SITE, [False] * 30), (OTHER, [True] * 27 + [False] * 3))
    async with Service(folder=tmp_path, settings={"LOG": "error"}) as service:
        (event,) = await told(service)
        await service.kill()
        await service.start()
        assert await told(service) == [event]
        async with asyncio.timeout(10):
            while GAUGE not in (await service.client.get("/metrics")).text:  # noqa: ASYNC110  nothing rings for it
                await asyncio.sleep(0.1)
    assert event["data"] | {"since": ""} == {
        "destination": SITE,
        "state": "raised",
        "since": "",
        "sent": 30,
        "used": 0,
        "usual_share": 0.874,
    }
    assert (event["message"], event["address"], event["customer"]) == (None, None, None)
    assert '"destination.discarding"' in service.printed
