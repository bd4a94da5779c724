"""The receivers that docs/reference/webhooks.md shows do what it says of them."""

import asyncio
import json
import os
import re
import shutil
import sys
import time
from pathlib import Path

import httpx2
import pytest

from mailsvc.domain.secret import Secret
from mailsvc.webhooks.sender import Signer
from tests.support.service import free_port
from tests.support.webhook_receiver import OTHER_SECRET, SECRET

PAGE = Path(__file__).parents[2] / "docs/reference/webhooks.md"
COMMANDS = {"python": sys.executable, "javascript": "node"}


@pytest.mark.parametrize("language", COMMANDS)
async def test_receiver_of_the_docs_takes_an_event_once_and_no_forgery(language: str, tmp_path: Path) -> None:
    """202 for an event, 200 for its repeat, 401 for another body, id, time or secret."""
    if shutil.which(COMMANDS[language]) is None:
        pytest.skip(f"{COMMANDS[language]} is absent")
    (code,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    file = tmp_path / "receiver"
    file.write_text(code)
    port = free_port()
    environment = os.environ | {"WEBHOOK_SECRETS": f"{OTHER_SECRET} {SECRET}"}
    process = await asyncio.create_subprocess_exec(COMMANDS[language], str(file), str(port), env=environment, stderr=-3)
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            statuses = [await _post(client, *request) for request in _requests()]
    finally:
        process.kill()
        await process.wait()
    assert statuses == [202, 200, 401, 401, 401, 401, 401, 202]


def _requests() -> list[tuple[dict[str, str], str]]:
    """Return an event, its repeat, five forgeries, and the event after it."""
    now = time.time()
    first, second = (json.dumps({"id": f"evt_{number}", "data": {"to": "t***@例え.jp"}}) for number in (1, 2))
    signer = Signer([Secret(SECRET)])
    headers = signer.headers("evt_1", first, now)
    following = signer.headers("evt_2", second, now)
    return [
        (headers, first),
        (signer.headers("evt_1", first, now + 1), first),
        (headers, second),
        (headers | {"webhook-id": "evt_3"}, first),
        (signer.headers("evt_3", second, now), second),
        (signer.headers("evt_3", second, now - 400), second),
        (Signer([Secret("whsec_" + "AAAA" * 8)]).headers("evt_2", second, now), second),
        (following, second),
    ]


async def _post(client: httpx2.AsyncClient, headers: dict[str, str], body: str) -> int:
    async with asyncio.timeout(20):
        while True:
            try:
                return (await client.post("/hook", content=body.encode(), headers=headers)).status_code
            except httpx2.ConnectError:  # it is starting
                await asyncio.sleep(0.05)
