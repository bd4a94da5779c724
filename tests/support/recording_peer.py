"""A fast SMTP server on loopback that takes everything and records when: for runs of tens of thousands of mails.

`SmtpPeer` keeps every command and can misbehave; this one keeps two instants a mail, by the ENVID of its MAIL line.
"""

import asyncio
import re
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

_END = b"\r\n.\r\n"
_ENVID = re.compile(rb" ENVID=(\S+)")
_GREETING = b"250-peer.example\r\n250-PIPELINING\r\n250 DSN\r\n"
_ANSWERS = {b"EHLO": _GREETING, b"DATA": b"354 Go ahead\r\n", b"QUIT": b"221 2.0.0 Bye\r\n"}
_OK = b"250 2.0.0 Ok\r\n"


@dataclass(slots=True)
class Arrival:
    """One mail as it came; instants are monotonic seconds."""

    body_at: float  #: when its first octet was read
    dot_at: float | None = None  #: when its final dot was read, None while it has not come


@dataclass(slots=True, kw_only=True)
class RecordingPeer:
    """The server; use it as ``async with RecordingPeer(delay=…) as peer``."""

    delay: Callable[[], float]  #: seconds before the next answer
    port: int = 0  #: known after the start
    arrivals: defaultdict[str, list[Arrival]] = field(default_factory=lambda: defaultdict(list))  #: by message id
    _server: asyncio.Server | None = None
    _open: set[asyncio.Transport] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Session(self), "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and cut what is open."""
        assert self._server is not None
        self._server.close()
        for transport in list(self._open):
            transport.abort()
        await self._server.wait_closed()


class _Session(asyncio.Protocol):
    def __init__(self, peer: RecordingPeer) -> None:
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._message = ""
        self._in_data = False
        self._arrival: Arrival | None = None
        self._answers: deque[bytes] = deque()
        self._answered_at = 0.0  # when the last of them is written

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._peer._open.add(transport)
        self._answer(b"220 peer.example ESMTP\r\n")

    def connection_lost(self, _exc: Exception | None) -> None:
        self._peer._open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if self._in_data:
            self._mail()
            return
        *lines, self._rest = self._rest.split(b"\r\n")
        for line in lines:
            self._command(line)

    def _command(self, line: bytes) -> None:
        if found := _ENVID.search(line):
            self._message = found[1].decode()
        self._in_data = line == b"DATA"
        self._answer(_ANSWERS.get(line[:4], _OK))

    def _mail(self) -> None:
        now = time.monotonic()
        if self._arrival is None:
            self._arrival = Arrival(now)
            self._peer.arrivals[self._message].append(self._arrival)
        if self._rest.endswith(_END):
            self._arrival.dot_at = now
            self._rest, self._in_data, self._arrival = b"", False, None
            self._answer(_OK)

    def _answer(self, octets: bytes) -> None:
        """Answer after a delay, and never before the answer before."""
        self._answered_at = max(self._answered_at, self._loop.time()) + self._peer.delay()
        self._answers.append(octets)
        self._loop.call_at(self._answered_at, self._write)

    def _write(self) -> None:
        octets = self._answers.popleft()  # timers of one instant come in any order
        if not self._transport.is_closing():
            self._transport.write(octets)
            if octets.startswith(b"221"):
                self._transport.close()
