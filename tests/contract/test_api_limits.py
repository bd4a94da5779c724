"""When a submit is put off: 429 and 503, their `Retry-After`, and what `/readyz` says meanwhile (CONTRACT 3.1)."""

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest_asyncio

from tests.support.api import problem
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import HANG

NOTICE: dict[str, Any] = {"template": "address_changed", "code": None}


@pytest_asyncio.fixture
async def limited(tmp_path: Path) -> AsyncIterator[Service]:
    """Run a service that allows an address two codes in three seconds."""
    async with Service(folder=tmp_path, settings={"RATE_PER_ADDRESS": "2/3s,50/1h"}) as service:
        yield service


async def test_third_mail_waits_as_long_as_it_is_told(limited: Service) -> None:
    """429 names the seconds after which one more is accepted, and that is true to the second."""
    for _ in range(2):
        assert (await limited.submit()).status_code == 202
    refused = await limited.submit()
    problem(refused, "rate_limited")
    seconds = int(refused.headers["retry-after"])
    assert 1 <= seconds <= 3
    await asyncio.sleep(seconds)
    assert (await limited.submit()).status_code == 202


async def test_limit_counts_one_identity_and_codes_only(limited: Service) -> None:
    """Case and quotes do not make another address; other addresses, notices and replays are not held up."""
    assert (await limited.submit("ta..ro@docomo.ne.jp", idempotency_key="first")).status_code == 202
    assert (await limited.submit('"Ta..Ro"@DOCOMO.ne.jp')).status_code == 202
    problem(await limited.submit("TA..RO@docomo.ne.jp"), "rate_limited")
    assert (await limited.submit("ta.ro@docomo.ne.jp")).status_code == 202
    assert (await limited.submit("ta..ro@docomo.ne.jp", **NOTICE)).status_code == 202
    replay = await limited.submit("ta..ro@docomo.ne.jp", idempotency_key="first")
    assert (replay.status_code, replay.headers["idempotent-replay"]) == (202, "true")


async def test_refused_submit_supersedes_nothing(limited: Service) -> None:
    """A code that is refused leaves the older one of its challenge as it was."""
    first, second = [(await limited.submit(challenge="c")).json()["id"] for _ in range(2)]
    problem(await limited.submit(challenge="c"), "rate_limited")
    assert (await limited.outcome(second))["state"] == "sent"
    assert {event["type"] for event in await limited.events() if event["message"] in {first, second}} >= {
        *("message.accepted", "message.sent")
    }


async def test_code_that_would_wait_too_long_is_not_accepted(tmp_path: Path) -> None:
    """Behind a server that answers no dot a code would come late: 503, `/readyz` says so, replays go on."""
    async with SmtpPeer(script={"dot": HANG}) as peer:
        settings = {"ROUTE": f"smtp://127.0.0.1:{peer.port}?tls=none"}
        async with Service(folder=tmp_path, settings=settings) as service:
            first = await service.submit(idempotency_key="first")
            answer = await first_refusal(service)
            problem(answer, "overloaded")
            assert 1 <= int(answer.headers["retry-after"]) <= 5
            ready = await service.client.get("/readyz")
            assert (ready.status_code, ready.json()["ready"]) == (503, False)
            assert "10 s" in ready.json()["failing"]["delivery"]
            assert (await service.client.get("/healthz")).status_code == 200
            assert (await service.submit(idempotency_key="first")).json() == first.json()
            await service.kill()  # it would wait for the dots


async def first_refusal(service: Service) -> httpx2.Response:
    """Submit again and again until one is not accepted; return that answer."""
    while True:
        answer = await service.submit()
        if answer.status_code != 202:
            return answer
        await asyncio.sleep(0.25)


@contextmanager
def full_disk(service: Service) -> Iterator[None]:
    """Let no file of the service grow."""
    assert service._process is not None
    pid = service._process.pid
    size = max(file.stat().st_size for file in service.folder.glob("mailsvc.db*"))
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


async def test_store_that_cannot_write_accepts_nothing_until_it_can(tmp_path: Path) -> None:
    """While the disk is full a submit is 503 `unavailable` and leaves no trace; reading goes on, and so does life."""
    async with Service(folder=tmp_path) as service:
        kept = await service.outcome((await service.submit(customer="kept")).json()["id"])
        with full_disk(service):
            for _ in range(50):
                if (answer := await service.submit(customer="lost", challenge="x" * 100)).status_code != 202:
                    break
            problem(answer, "unavailable")
            assert int(answer.headers["retry-after"]) >= 1
            assert (await service.client.get(f"/v1/messages/{kept['id']}")).json() == kept
            assert (await service.client.get("/healthz")).status_code == 200
        accepted = (await service.submit(customer="after", idempotency_key="after")).json()
        assert (await service.outcome(accepted["id"]))["state"] == "sent"
        assert (await service.client.get("/readyz")).json() == {"ready": True, "failing": {}, "late": {}}
