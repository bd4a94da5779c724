"""A scripted SMTP server on loopback: answers each stage well, or in any way a script says.

It records every command and mail as raw bytes, with monotonic times and order, and never judges: tests do.
A script maps a step to an `Act` or to a rule that chooses one. Steps are the stages from ``banner`` to ``dot``, and
``body`` (after 354, before the mail is read), ``rset`` and ``quit``.
"""

import asyncio
import base64
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from tests.support.smtp_script import Act, Script, Session, Then, say


@dataclass(frozen=True, slots=True)
class Command:
    """One line as it came."""

    line: bytes  #: with its CR LF
    at: float  #: monotonic seconds
    connection: int  #: from 1


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it came."""

    mail_line: bytes
    rcpt_line: bytes
    raw: bytes  #: dot-stuffed, with the final dot
    at: float  #: monotonic seconds, when the dot was read
    connection: int
    tls: bool
    stored: bool

    @property
    def data(self) -> bytes:
        """The mail itself."""
        lines = self.raw.removesuffix(b".\r\n").split(b"\r\n")
        return b"\r\n".join(line.removeprefix(b".") for line in lines)


@dataclass(slots=True, kw_only=True)
class SmtpPeer:
    """The server; use it as ``async with SmtpPeer(script={...}) as peer``."""

    script: Script = field(default_factory=dict)
    capabilities: tuple[str, ...] = ("PIPELINING", "SIZE 10485760", "8BITMIME", "ENHANCEDSTATUSCODES")
    tls: ssl.SSLContext | None = None  #: given: STARTTLS is offered
    implicit: bool = False  #: TLS from the first octet
    login: tuple[str, str] | None = None  #: given: AUTH PLAIN and LOGIN are offered, with this user and password
    receive_buffer: int | None = None  #: SO_RCVBUF, to close the window early
    ip: str = "127.0.0.1"
    port: int = 0  #: 0: any; known after the start
    clients: list[str] = field(default_factory=list)  #: the client's address, per connection
    commands: list[Command] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)  #: every mail whose dot came, stored or not
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        """Listen."""
        sock = socket.create_server((self.ip, self.port), backlog=200)
        if self.receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        self.port = sock.getsockname()[1]
        context = self.tls if self.implicit else None
        self._server = await asyncio.start_server(self._serve, sock=sock, limit=2**20, ssl=context)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and end what is open."""
        assert self._server is not None
        await asyncio.sleep(0.01)  # a connection accepted just now gets its task: asyncio loses it otherwise
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many connections were made."""
        return len(self.clients)

    @property
    def stored(self) -> list[Mail]:
        """The mails it took."""
        return [mail for mail in self.mails if mail.stored]

    @property
    def lines(self) -> list[bytes]:
        """All commands without CR LF."""
        return [command.line.removesuffix(b"\r\n") for command in self.commands]

    async def until(self, condition: Callable[[Self], object], *, within: float = 5.0) -> None:
        """Wait for something to be recorded, at most so many seconds."""
        async with asyncio.timeout(within):
            while not condition(self):  # noqa: ASYNC110  a peer has no event for every question of a test
                await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.clients.append(writer.get_extra_info("peername")[0])
        session = Session(self.connections, tls=self.implicit)
        try:
            await _Dialogue(self, session, reader, writer).run()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # the client left, or the test is over
        finally:
            self._tasks.discard(task)
            writer.transport.abort()


class _Gone(ConnectionError):
    """The act ended the connection."""


@dataclass(slots=True)
class _Dialogue:
    peer: SmtpPeer
    session: Session
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def run(self) -> None:
        """Greet, then answer command after command."""
        await self._act("banner", say("220 peer.example ESMTP"))
        while True:
            line = await self._line()
            verb = line.split(maxsplit=1)[0].upper().decode("latin-1") if line.strip() else ""
            match verb:
                case "EHLO" | "HELO":
                    await self._act("ehlo", say(self._greeting(verb)))
                case "STARTTLS":
                    await self._starttls()
                case "AUTH":
                    await self._auth(line)
                case "MAIL":
                    self.session.mail_line = line
                    await self._act("mail", say("250 2.1.0 Ok"))
                case "RCPT":
                    self.session.rcpt_line = line
                    await self._act("rcpt", say("250 2.1.5 Ok"))
                case "DATA":
                    await self._data()
                case "RSET":
                    await self._act("rset", say("250 2.0.0 Ok"))
                case "QUIT":
                    await self._act("quit", say("221 2.0.0 Bye", then=Then.CLOSE))
                case _:
                    await self._act("other", say("500 5.5.2 Unknown command"))

    def _greeting(self, verb: str) -> str:
        keywords = list(self.peer.capabilities) if verb == "EHLO" else []
        if verb == "EHLO" and self.peer.tls and not self.session.tls:
            keywords.append("STARTTLS")
        if verb == "EHLO" and self.peer.login:
            keywords.append("AUTH PLAIN LOGIN")
        *more, last = "peer.example", *keywords
        return "".join(f"250-{word}\n" for word in more) + f"250 {last}"

    async def _starttls(self) -> None:
        answer = await self._act("starttls", say("220 2.0.0 Ready"))
        if answer.startswith(b"220") and self.peer.tls is not None:
            await self.writer.start_tls(self.peer.tls)
            self.session.tls = True

    async def _auth(self, line: bytes) -> None:
        if line.upper().startswith(b"AUTH PLAIN "):
            _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
        else:
            user = await self._ask("VXNlcm5hbWU6")
            password = await self._ask("UGFzc3dvcmQ6")
        good = self.peer.login == (user, password)
        await self._act("auth", say("235 2.7.0 Accepted" if good else "535 5.7.8 Wrong user or password"))

    async def _ask(self, prompt: str) -> str:
        self.writer.write(f"334 {prompt}\r\n".encode())
        return base64.b64decode(await self._line()).decode()

    async def _data(self) -> None:
        answer = await self._act("data", say("354 Go ahead"))
        if not answer.startswith(b"354"):
            return
        await self._act("body", Act())
        lines = [await self.reader.readuntil(b"\n")]
        while lines[-1] != b".\r\n":
            lines.append(await self.reader.readuntil(b"\n"))
        await self._dot(b"".join(lines))

    async def _dot(self, raw: bytes) -> None:
        session, act = self.session, self._choose("dot", say("250 2.0.0 Ok: queued"))
        stored = act.sends.startswith(b"2") if act.stores is None else act.stores
        now = time.monotonic()
        self.peer.mails.append(
            Mail(session.mail_line, session.rcpt_line, raw, now, session.number, session.tls, stored)
        )
        await self._perform(act)

    async def _line(self) -> bytes:
        line = await self.reader.readuntil(b"\n")
        self.peer.commands.append(Command(line, time.monotonic(), self.session.number))
        return line

    def _choose(self, step: str, usual: Act) -> Act:
        act = self.peer.script.get(step, usual)
        return act if isinstance(act, Act) else act(self.session)

    async def _act(self, step: str, usual: Act) -> bytes:
        act = self._choose(step, usual)
        await self._perform(act)
        return act.sends

    async def _perform(self, act: Act) -> None:
        if act.then is Then.DEAF:
            self.writer.transport.pause_reading()  # type: ignore[attr-defined]  # typeshed: WriteTransport
        async for octets in act.octets():
            self.writer.write(octets)
            await self.writer.drain()
        match act.then:
            case Then.HANG | Then.DEAF:
                await asyncio.Event().wait()
            case Then.CLOSE:
                self.writer.close()
                raise _Gone
            case Then.RESET:
                linger = struct.pack("ii", 1, 0)
                self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                raise _Gone
