"""A client that talks to the receiver octet by octet, and shows what was kept."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Self

PATIENCE = 10.0  # seconds


class Caller:
    """One connection; `say` sends and returns the next reply, all its lines, as text."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the two ends of a connection."""
        self.reader, self.writer = reader, writer

    async def hear(self) -> str:
        """Return the next reply; empty where the connection has ended."""
        lines: list[str] = []
        async with asyncio.timeout(PATIENCE):
            while not lines or lines[-1][3:4] == "-":
                try:
                    line = (await self.reader.readline()).decode()
                except ConnectionError:
                    line = ""
                if not line:
                    return "\n".join(lines)
                assert line.endswith("\r\n")
                lines.append(line.rstrip())
        return "\n".join(lines)

    async def say(self, *lines: str | bytes) -> str:
        """Send lines (text gets its CRLF, octets go as they are) and return the last line's reply."""
        reply = ""
        for line in lines:
            self.writer.write(line if isinstance(line, bytes) else f"{line}\r\n".encode())
            reply = await self.hear()
        return reply

    async def mail(self, raw: bytes, *recipients: str) -> str:
        """Send a mail; return the reply to the dot, or the first reply that is not as it should be."""
        for line, wanted in (
            ("MAIL FROM:<>", "250"),
            *((f"RCPT TO:<{to}>", "250") for to in recipients),
            ("DATA", "354"),
        ):
            reply = await self.say(line)
            if not reply.startswith(wanted):
                return reply
        stuffed = b"".join(b"." + line if line.startswith(b".") else line for line in raw.splitlines(keepends=True))
        return await self.say(stuffed + b".\r\n")

    async def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """Have TLS from here on."""
        assert (await self.say("STARTTLS")).startswith("220")
        await self.writer.start_tls(context, server_hostname=name)

    async def greeted(self) -> Self:
        """Take the banner and say EHLO."""
        assert (await self.hear()).startswith("220 ")
        assert (await self.say("EHLO mx.example.jp")).startswith("250")
        return self


@contextlib.asynccontextmanager
async def calling(port: int, *, greet: bool = True, source: str = "127.0.0.1") -> AsyncIterator[Caller]:
    """Connect to a port of loopback, from another address of loopback if asked."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    caller = Caller(reader, writer)
    try:
        yield await caller.greeted() if greet else caller
    finally:
        writer.close()
