"""A webhook endpoint on loopback that does as it is told: answers, refuses, hangs, resets, redirects, dies.

It reads HTTP/1.1 by itself, so that it can do what no server would. What it got is kept in ``got``.
"""

import asyncio
import json
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tests.support.service import free_port

SECRET = "whsec_" + "bWFpbHN2Yy13ZWJob29rLXNlY3JldC0xMjM0NQ=="
OTHER_SECRET = "whsec_" + "bWFpbHN2Yy13ZWJob29rLXNlY3JldC02Nzg5MA=="


@dataclass(frozen=True, slots=True)
class Act:
    """What it does with one request."""

    status: int | None = 200  #: None: no answer
    headers: tuple[tuple[str, str], ...] = ()
    after: float = 0.0  #: seconds before it
    size: int = 2  #: octets of the answer's body
    reset: bool = False  #: the connection is reset, after the answer if there is one


OK = Act()
HANG = Act(status=None, after=3600)
RESET = Act(status=None, reset=True)
DIE = Act(reset=True)


@dataclass(frozen=True, slots=True)
class Got:
    """One request."""

    at: float
    path: str
    headers: dict[str, str]  #: names in lower case
    body: bytes
    status: int | None  #: what it was answered

    @property
    def id(self) -> str:
        """The event's id, as the head says it."""
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        """The event."""
        found: dict[str, Any] = json.loads(self.body)
        return found


Script = Callable[[dict[str, Any]], Act]


@dataclass(slots=True)
class WebhookReceiver:
    """Use it as ``async with WebhookReceiver() as receiver``; ``script`` takes an event and says what to do."""

    script: Script = lambda _event: OK
    port: int = field(default_factory=free_port)
    tls: ssl.SSLContext | None = None
    got: list[Got] = field(default_factory=list)
    open_most: int = 0  #: requests that were under way at once, at most
    _open: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _dead: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/hook"

    @property
    def taken(self) -> list[Got]:
        """What it answered with a 2xx."""
        return [one for one in self.got if one.status is not None and one.status < 300]

    def setting(self, **members: Any) -> str:
        """Return the setting that makes it an endpoint."""
        return json.dumps([{"url": self.url, "secret": SECRET} | members])

    async def __aenter__(self) -> Self:
        """Listen."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Die."""
        await self.die()

    async def start(self) -> None:
        """Listen, again."""
        self._dead.clear()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)

    async def die(self) -> None:
        """End at once, as a process that is killed: every connection is reset."""
        if self._server:
            self._server.close()
        self._dead.set()
        for writer in self._writers:
            _reset(writer)
        while self._writers:  # noqa: ASYNC110  each takes itself out
            await asyncio.sleep(0.01)

    async def until(self, enough: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait until something is true of what it got."""
        async with asyncio.timeout(seconds):
            while not enough():
                self._changed.clear()
                await self._changed.wait()

    async def until_taken(self, count: int, seconds: float = 20.0) -> list[Got]:
        """Wait until it has taken so many requests; return all that it has taken."""
        await self.until(lambda: len(self.taken) >= count, seconds)
        return self.taken

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with suppress(asyncio.IncompleteReadError, OSError):
                while await self._answer(reader, writer):
                    pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.partition(": ") for line in head[1:] if line)
        headers = {name.lower(): value for name, _, value in pairs}
        body = await reader.readexactly(int(headers["content-length"]))
        act = self.script(json.loads(body))
        self._open += 1
        self.open_most = max(self.open_most, self._open)
        try:
            if act.after:
                with suppress(TimeoutError):
                    async with asyncio.timeout(act.after):
                        await self._dead.wait()
            if writer.is_closing():  # it died meanwhile
                return False
            self.got.append(Got(time.time(), head[0].split()[1], headers, body, act.status))
            self._changed.set()
            if act.status is not None:
                fields = "".join(f"{name}: {value}\r\n" for name, value in act.headers)
                writer.write(f"HTTP/1.1 {act.status} x\r\ncontent-length: {act.size}\r\n{fields}\r\n".encode())
                writer.write(b"x" * act.size)
                await writer.drain()
        finally:
            self._open -= 1
        if act.reset:
            await asyncio.sleep(0.01)  # what was answered gets out
            _reset(writer)
        return not act.reset


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
