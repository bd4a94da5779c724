"""A small IMAP server on loopback that answers well, or for single commands in any way a script says.

A script belongs to one connection; it maps ``greeting`` or a command (``UID FETCH`` and the like) to octets that are
sent instead of the answer (``TAG`` stands for the command's tag), or to one of `Then`. Connections beyond the scripts
are served well.
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Self


class Then(Enum):
    """What follows a command in place of its answer."""

    CUT = auto()  #: the end of the connection
    ENDLESS = auto()  #: lines without end


Script = Mapping[str, bytes | Then]
#: Nothing comes any more.
SILENCE = b""


@dataclass(slots=True, kw_only=True)
class ImapPeer:
    """Use it as ``async with ImapPeer(mails={1: …}, scripts=[…]) as peer``."""

    mails: dict[int, bytes] = field(default_factory=dict)  #: by UID
    scripts: Sequence[Script] = ()
    flagged: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)  #: all commands, without their tags
    connections: int = 0
    validity: int = 1  #: UIDVALIDITY
    tls: ssl.SSLContext | None = None  #: given: TLS stands after STARTTLS
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and end what is open."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        script = self.scripts[self.connections - 1] if self.connections <= len(self.scripts) else {}
        try:
            await self._say(writer, script.get("greeting", b"* OK ready\r\n"))
            while line := (await reader.readline()).decode():
                tag, _, command = line.strip().partition(" ")
                self.lines.append(command)
                name = " ".join(command.split()[: 2 if command.startswith("UID") else 1])
                answer = script.get(name)
                if isinstance(answer, bytes):
                    answer = answer.replace(b"TAG", tag.encode())
                await self._say(writer, self._answer(command) + f"{tag} OK\r\n".encode() if answer is None else answer)
                if command == "STARTTLS" and self.tls is not None:
                    await writer.start_tls(self.tls)
        except (OSError, asyncio.CancelledError):
            pass  # the client left, or the test is over
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _say(self, writer: asyncio.StreamWriter, answer: bytes | Then) -> None:
        if answer is Then.CUT:
            raise ConnectionError
        while answer is Then.ENDLESS:
            writer.write(b"* OK and so on\r\n" * 1000)
            await writer.drain()
        if isinstance(answer, bytes):
            writer.write(answer)
            with contextlib.suppress(ConnectionError):
                await writer.drain()

    def _answer(self, command: str) -> bytes:
        """Return the untagged part of a good answer, and do what is asked for."""
        uid = int(found[1]) if (found := re.match(r"UID (?:FETCH|STORE) (\d+)", command)) else 0
        if command.startswith("SELECT"):
            return f"* {len(self.mails)} EXISTS\r\n* OK [UIDVALIDITY {self.validity}] it is\r\n".encode()
        if command.startswith("UID SEARCH"):
            waiting = sorted(self.mails.keys() - self.flagged - self.deleted)
            return f"* SEARCH {' '.join(map(str, waiting))}".rstrip().encode() + b"\r\n"
        if command.startswith("UID FETCH") and uid in self.mails:
            raw = self.mails[uid][: int(command.rpartition(".")[2].rstrip(">)"))]
            return f"* 1 FETCH (UID {uid} BODY[]<0> {{{len(raw)}}}\r\n".encode() + raw + b")\r\n"
        if command.startswith("UID STORE"):
            (self.flagged if "Flagged" in command else self.deleted).add(uid)
        if command == "EXPUNGE":
            for gone in self.deleted:
                self.mails.pop(gone, None)
            self.deleted.clear()
        return b""
