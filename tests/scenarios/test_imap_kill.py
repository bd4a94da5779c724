"""The poller across kill -9 between keeping a report and deleting its mail: nothing is lost, nothing counts twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support import smtp
from tests.support.dovecot import ABSENT, PASSWORD, Dovecot, dovecot
from tests.support.reports import SENDER_DOMAIN, dsn, return_path
from tests.support.service import Service
from tests.support.tags import tag_of

USER = f"b@{SENDER_DOMAIN}"
MAILS = 3

pytestmark = pytest.mark.skipif(ABSENT is not None, reason=ABSENT or "")


@dataclass(slots=True)
class Wire:
    """Passes on what a client and Dovecot say; while it holds, nothing from the first deletion on."""

    holding: bool = True
    held: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def to(self, port: int) -> AsyncIterator[int]:
        """Stand in front of a port; yield the own one."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            for one, other in ((reader, back), (there, writer)):
                self.tasks.add(asyncio.create_task(self._pass(one, other)))

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            yield server.sockets[0].getsockname()[1]
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while octets := await reader.read(65536):
                if self.holding and b"UID STORE" in octets:
                    self.held.set()
                    await asyncio.sleep(3600)
                writer.write(octets)
        finally:
            writer.transport.abort()


async def test_kill_between_keeping_and_deleting_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """A killed service fetches again what it had kept and not deleted; every message is told its bounce once."""
    with dovecot(smtp.authority(), {USER: 0}) as mailbox:
        async with Service(folder=tmp_path) as service:
            messages = [await _bounced(service, mailbox, f"t{number}@example.jp") for number in range(MAILS)]
            await service.stop()
            wire = Wire()
            async with wire.to(mailbox.port) as port:
                service.settings["IMAP"] = f"imap://{quote(USER)}:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/INBOX"
                await service.start()
                await asyncio.wait_for(wire.held.wait(), 10)
                await service.kill()
                assert len(mailbox.flags(USER)) == MAILS
                wire.holding = False
                await service.start()
                async with asyncio.timeout(20):
                    while mailbox.flags(USER):  # noqa: ASYNC110  nobody signals
                        await asyncio.sleep(0.1)
                await _all_told(service, messages)
                late = (await service.client.get("/readyz")).json()["late"]
                metrics = (await service.client.get("/metrics")).text
        printed = service.printed
    assert "imap" not in late
    assert f'mailsvc_imap_total{{result="taken"}} {MAILS}.0' in metrics
    assert PASSWORD not in printed
    assert quote(PASSWORD, safe="") not in printed


async def _bounced(service: Service, mailbox: Dovecot, to: str) -> str:
    """Mail an address, and have its bounce come to the mailbox; return the message's id."""
    message = (await service.submit(to, challenge=to)).json()["id"]
    await service.outcome(message)
    path = return_path(tag_of(service.folder, to))
    await asyncio.to_thread(mailbox.deliver, dsn(path, about=message, recipient=to), path)
    return str(message)


async def _all_told(service: Service, messages: list[str]) -> None:
    async with asyncio.timeout(20):
        while (await service.client.get("/v1/reports?state=pending")).json()["reports"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    reports = (await service.client.get("/v1/reports")).json()["reports"]
    assert [(one["source"], one["state"], one["problem"]) for one in reports] == [("imap", "done", None)] * MAILS
    told = [event["message"] for event in await service.events() if event["type"] == "feedback.bounced"]
    assert sorted(told) == sorted(messages)
    for message in messages:
        (feedback,) = (await service.client.get(f"/v1/messages/{message}")).json()["feedback"]
        assert (feedback["source"], feedback["category"], feedback["verified"]) == ("imap", "user_unknown", True)
