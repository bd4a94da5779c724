"""The end of a process that has asked DNS and got no answer yet."""

import asyncio
import gc
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from mailsvc.dns import MailHosts, Resolver
from tests.support.dns_zone import Clock, DnsServer, No, Zone

ZONE: Zone = {
    "example.jp": {"MX": ["10 mx.example.jp."]},
    "v4.example.jp": {"A": ["8.8.8.8"], "AAAA": No.SILENCE},
    "silent.example.jp": No.SILENCE,
}
Tasks = list[asyncio.Task[Any]]


async def _leave_questions_behind() -> Tasks:
    """Return the tasks at work: behind stale data, behind a slow family, and for a mail that waits."""
    async with DnsServer(zone=dict(ZONE)) as server:
        clock = Clock()
        hosts = MailHosts(Resolver([("127.0.0.1", server.port)], now=clock).ask)
        await hosts.exchanges("example.jp")
        clock.at += 3600
        server.zone["example.jp"] = No.SILENCE
        await hosts.exchanges("example.jp")
        await hosts.addresses("v4.example.jp")
        waiting = asyncio.create_task(hosts.exchanges("silent.example.jp"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_process_that_ends_leaves_no_question_behind(
    run: Callable[[Coroutine[Any, Any, Tasks]], Tasks], caplog: pytest.LogCaptureFixture
) -> None:
    """Questions in the background end with the loop: no task, no socket and no complaint stays."""
    with caplog.at_level(logging.WARNING, "asyncio"):
        tasks = run(_leave_questions_behind())
        assert len(tasks) >= 4  # three questions, the mail that waits for one of them, and what dnspython makes
        assert not any("MailHosts._family" in repr(task) for task in tasks)  # nobody waits for the slow family
        assert all(task.cancelled() for task in tasks)
        tasks.clear()
        gc.collect()
    assert caplog.messages == []
