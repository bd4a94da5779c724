"""The asyncio protocol under a session: moves octets between a TCP or TLS transport and an `SmtpClient`.

Decides nothing about mail. Says when there is news, whether the peer has taken everything, and cuts or ends the
connection. Never waits by itself with a limit: whoever waits sets one. Network faults while connecting or in a
handshake are ``OSError``; later ones are told by ``lost``.
"""

import asyncio
import fcntl
import socket
import ssl
import struct
import termios
from typing import cast

from mailsvc.delivery.smtp_client import Answer, SmtpClient

QUIT_PATIENCE = 2.0  # seconds the answer to QUIT is awaited
_NO_LINGER = struct.pack("ii", 1, 0)  # struct linger: close() drops what is unsent and resets the connection


class Wire(asyncio.Protocol):
    """One connection and the session on it; TCP_NODELAY is asyncio's default."""

    def __init__(self) -> None:
        self.client = SmtpClient()
        self.answers: list[Answer] = []  #: to the commands of the last block
        self.tls: str | None = None  #: protocol version, None in clear
        self.lost: str | None = None  #: why the connection is gone
        self.closed = asyncio.get_running_loop().create_future()  #: done when the connection is gone
        self._transport: asyncio.Transport | None = None
        self._news: asyncio.Future[bool] | None = None
        self._leaving = False

    async def connect(self, ip: str, port: int, source: str | None) -> None:
        """Open the TCP connection from the local address ``source``."""
        local = (source, 0) if source else None
        await asyncio.get_running_loop().create_connection(lambda: self, ip, port, local_addr=local)

    async def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Shake hands; octets that came in clear after the last answer fail it, and a host whose name is none."""
        try:
            host.encode("idna")
        except UnicodeError:
            raise OSError("TLS failed: the name of the server has a label that is too long") from None
        loop = asyncio.get_running_loop()
        self._transport = await loop.start_tls(self._open_transport, self, context, server_hostname=host)
        self.tls = self._open_transport.get_extra_info("ssl_object").version()

    @property
    def usable(self) -> bool:
        """Whether a block may be written now; a transport whose handshake failed is closing without being lost."""
        open_ = self._transport is not None and not self._transport.is_closing()
        return open_ and not (self.client.fault or self._leaving)

    @property
    def settled(self) -> bool:
        """Whether every command of the last block is answered, or never will be."""
        return not self.client.awaiting or self.client.fault is not None or self.lost is not None

    def write(self, block: bytes) -> None:
        """Write the client's next block; to a lost connection nothing is written."""
        self.answers = []
        if self.lost is None:
            self._open_transport.write(block)

    async def news(self, until: float) -> bool:
        """Wait for further answers, a fault or the loss of the connection; return False where ``until`` came first."""
        loop = asyncio.get_running_loop()
        self._news = loop.create_future()
        timer = loop.call_at(until, self._give_up)
        try:
            return await self._news
        finally:
            timer.cancel()
            self._news = None

    async def settled_by(self, until: float) -> bool:
        """Wait until everything is answered or lost; return False where ``until`` came first."""
        while not self.settled:
            if not await self.news(until):
                return False
        return True

    def unsent(self) -> bool:
        """Whether the peer has not yet acknowledged every octet written."""
        if self.lost is not None:
            return False
        unacknowledged = bytearray(4)
        fcntl.ioctl(self._open_transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, unacknowledged)
        return self._open_transport.get_write_buffer_size() > 0 or any(unacknowledged)

    def leave(self) -> None:
        """Say QUIT and end the connection at its answer, or soon after without one (RFC 5321 4.1.1.10)."""
        self._leaving = True
        self._open_transport.write(self.client.quit())
        timer = asyncio.get_running_loop().call_later(QUIT_PATIENCE, self.abort)
        self.closed.add_done_callback(lambda _: timer.cancel())

    def abort(self) -> None:
        """Cut the connection; whatever the peer has not taken is dropped (SO_LINGER 0)."""
        if self._transport is not None and self.lost is None:
            if not self._transport.is_closing():
                sock = self._transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self._transport.abort()

    @property
    def _open_transport(self) -> asyncio.Transport:
        assert self._transport is not None, "connect() comes first"
        return self._transport

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one without saying so

    def data_received(self, data: bytes) -> None:
        """Feed the session; after QUIT any answer will do."""
        if self._leaving:
            self._open_transport.close()
            return
        answers = self.client.receive(data)
        self.answers += answers
        if self.client.fault and self._news is None:
            self.abort()  # it speaks while nobody listens, and could go on for ever
        elif answers or self.client.fault:
            self._tell()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note why."""
        self.lost = f"the connection was lost: {describe(exc)}" if exc else "the server closed the connection"
        if not self.closed.done():
            self.closed.set_result(None)
        self._tell()

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(True)

    def _give_up(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(False)


def describe(error: Exception) -> str:
    """Say a network or TLS fault in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate was not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
