"""What load balancers and monitoring read: readiness, and metrics on a listener of their own."""

import asyncio
import re
from contextlib import closing
from pathlib import Path
from socket import create_server

import httpx2
import pytest

from tests.support.api import problem
from tests.support.service import Service, free_port


async def refusal_of_readiness(service: Service) -> httpx2.Response:
    """Ask until the service is not ready; return that answer."""
    while True:
        answer = await service.client.get("/readyz")
        if answer.status_code != 200:
            return answer
        await asyncio.sleep(0.1)


async def test_relay_that_cannot_be_reached_makes_the_service_not_ready(tmp_path: Path) -> None:
    """`/readyz` names what keeps mails from leaving; the process lives, and goes on accepting."""
    settings = {"ROUTE": f"smtp://127.0.0.1:{free_port()}?tls=none"}
    async with Service(folder=tmp_path, settings=settings) as service:
        for number in range(3):
            await service.submit(f"r{number}@example.jp")
        answer = await refusal_of_readiness(service)
        assert (answer.status_code, answer.json()["ready"]) == (503, False)
        said = answer.json()["failing"]["delivery"]
        assert re.fullmatch(r"no server has said a word about a mail since [-\dT:.]+Z: Connection refused", said)
        assert (await service.client.head("/readyz")).status_code == 503
        assert (await service.client.get("/healthz")).status_code == 200
        assert (await service.submit()).status_code == 202


async def test_metrics_have_a_listener_of_their_own(tmp_path: Path) -> None:
    """MAILSVC_METRICS answers `/metrics` without key and nothing else; the other listener still wants one."""
    port = free_port()
    async with (
        Service(folder=tmp_path, settings={"METRICS": f"127.0.0.1:{port}"}) as service,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        await service.outcome((await service.submit()).json()["id"])
        # The row is committed a moment before its events are told.
        async with asyncio.timeout(10):
            while 'mailsvc_messages_total{state="sent"} 1.0' not in (answer := await client.get("/metrics")).text:
                continue
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/plain")
        assert 'mailsvc_codes_total{destination="capture",result="on_time"} 1.0' in answer.text
        for path in ("/", "/v1/messages", "/healthz", "/docs", "/openapi.json"):
            problem(await client.get(path), "not_found")
        problem(await client.post("/metrics"), "method_not_allowed")
        problem(await service.client.get("/metrics", headers={"Authorization": ""}), "unauthorized")
        assert await service.stop() == 0
        with pytest.raises(httpx2.ConnectError):
            await client.get("/metrics")


async def test_metrics_listener_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    """Where MAILSVC_METRICS cannot listen, the start fails with one line that names it."""
    with closing(create_server(("127.0.0.1", 0))) as taken:
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RuntimeError, match=f"MAILSVC_METRICS: found {endpoint}, where this process cannot listen"):
            await Service(folder=tmp_path, settings={"METRICS": endpoint}).start()
