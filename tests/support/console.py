"""What tests of the console share: signing in, the token of a page's forms, figures of days that nobody waits for."""

import math
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx2

from mailsvc.domain.figures import BOUNDS, Figures
from mailsvc.store import Store, figures
from tests.support.service import API_KEY, Service

_TOKEN = re.compile(r'name="token" value="([0-9a-f]{64})"')


@asynccontextmanager
async def signed_in(service: Service, secret: str = API_KEY, language: str = "en") -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a client that has signed in and reads a language."""
    async with httpx2.AsyncClient(base_url=service.url, trust_env=False, timeout=30) as client:
        client.cookies.set("mailsvc_language", language)
        answer = await client.post("/console/sign-in", data={"key": secret})
        assert answer.status_code == 303, answer.text
        yield client


async def token_of(client: httpx2.AsyncClient) -> str:
    """Return the token that the forms of a session carry."""
    found = _TOKEN.search((await client.get("/console/messages")).text)
    assert found
    return found[1]


async def post(client: httpx2.AsyncClient, path: str, **fields: str) -> httpx2.Response:
    """Send a form as a page would."""
    return await client.post(f"/console{path}", data={"token": await token_of(client), **fields})


async def remember(store: Store, now: float) -> None:
    """Have a store know two weeks of codes to four sites, one of which has been refusing us for half an hour."""
    found = {(site, at): _figures(site, at, now, many) for site, at, many in _traffic(now)}
    await store.write(lambda tx: figures.add(tx, (0, 0), found, now))


def _traffic(now: float) -> Iterator[tuple[str, float, int]]:
    sites = {"docomo.ne.jp": 40, "google.com": 30, "ezweb.ne.jp": 25, "outlook.com": 4}
    hours = [now - 3600 * hour for hour in range(2, 336)]
    minutes = [now - 60 * minute for minute in range(60)]
    for at in (*hours, *minutes):
        busy = 1 + math.sin((at % 86400) / 86400 * 2 * math.pi + 1) * 0.8
        for site, many in sites.items():
            yield site, at // 60 * 60, round(many * busy * (40 if at in hours else 1)) or 1


def _figures(site: str, at: float, now: float, many: int) -> Figures:
    refused = many // 2 if site == "ezweb.ne.jp" and at > now - 1800 else 0
    late = many // 150
    taken = many - refused
    times = [0] * (len(BOUNDS) + 1)
    times[0], times[2], times[4], times[8] = taken - taken // 4 - taken // 10 - late, taken // 4, taken // 10, late
    return Figures(
        codes=many,
        on_time=taken - late,
        times=tuple(times),
        sides={"ours": refused},
        categories={"delivered": taken, "auth_failed": refused},
        stages={
            "queue": many * 0.01,
            "dns": many * 0.02,
            "connect": many * 0.06,
            "tls": many * 0.1,
            "transfer": many * 0.4,
        },
        attempts=many,
    )
