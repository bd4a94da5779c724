"""One SMTP session of the receiver: aiosmtpd's protocol, with the bounds that an open port needs.

A bare CR, a bare LF or a NUL anywhere ends the session, so that no two servers can disagree where a mail ends (SMTP
smuggling); so does anything sent behind STARTTLS before TLS stands. What is not mail is not offered: no AUTH, no VRFY,
no EXPN, no HELP. Silence, length, commands and wrong guesses are limited; nobody is shown a traceback.
"""

import asyncio
import re
import ssl
from collections import defaultdict
from contextlib import suppress
from typing import Any, Protocol

import structlog
from aiosmtpd.smtp import SMTP, TLSSetupException

#: Octets of a mail at most (RFC 1870); what is longer is no report that anybody reads.
SIZE = 256 * 1024
#: Seconds without an octet, until no further mail is taken, and until the session is cut.
IDLE = 20.0
SESSION = 60.0
SESSION_MAX = 120.0
#: Commands of one kind in a session; those that carry a mail may come more often.
COMMANDS = {"*": 20, **dict.fromkeys(("MAIL", "RCPT", "DATA", "RSET"), 1000)}
#: Octets of a line of a mail: some returned pages of HTML have long ones.
LINE = 32 * 1024
COMMAND_LINE = 512  # octets, RFC 5321 4.5.3.1.4
#: Seconds for a refused peer to read why.
LINGER = 1.0

_NO_LINE_END = re.compile(rb"(?<!\r)\n|\r(?=[^\n])|\0")
STOPPING = "421 4.3.2 This service is stopping; come again"
CROWDED = "421 4.7.0 Too many connections; come again later"
_BARE = "550 5.6.0 A bare CR, a bare LF or a NUL is no part of a mail (RFC 5321 2.3.8)"
TOO_LONG = "421 4.4.2 This session has lasted long enough; come again"
_SILENT = "421 4.4.2 Nothing came for too long"

log = structlog.get_logger(__name__)


class Room(Protocol):
    """What a session asks of the receiver that it belongs to."""

    stopping: bool

    def enter(self, session: "Session", peer: str) -> bool:
        """Whether one more session may begin."""

    def leave(self, session: "Session", peer: str) -> None:
        """Note that an admitted session is over."""


class Session(SMTP):
    """One connection."""

    line_length_limit = LINE

    def __init__(self, handler: Any, room: Room, *, hostname: str, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            handler,
            data_size_limit=SIZE,
            hostname=hostname,
            ident="ESMTP mailsvc",
            tls_context=tls,
            timeout=IDLE,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            command_call_limit=COMMANDS,
            loop=asyncio.get_running_loop(),
        )
        self.command_size_limits = defaultdict(lambda: COMMAND_LINE)  # aiosmtpd's is shared by all sessions
        self.stored = 0  #: mails that were taken
        self.guesses = 0  #: recipients that were refused
        self.busy = False  #: between 354 and the answer to the dot
        self.storing = False  #: between the dot and its answer
        self.began_at = self.loop.time()
        self._room = room
        self._peer: str | None = None  # set while admitted
        self._refused = False
        self._open_end = b""  # a CR whose LF has not come yet
        self._cut: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin, also once more where TLS stands."""
        self._open_end = b""
        if self.transport is None:
            peer = transport.get_extra_info("peername")[0]
            if not self._room.enter(self, peer):
                self._refused = True
                transport.write(f"{CROWDED}\r\n".encode())
                transport.close()
                return
            self._peer = peer
            self._cut = self.loop.call_later(SESSION_MAX, self.turn_away, TOO_LONG)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if self._cut is not None:
            self._cut.cancel()
        if self._peer is not None:
            self._room.leave(self, self._peer)
            self._peer = None
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass on what comes, unless it has what no mail may have; a refused peer is not listened to."""
        if self._refused:
            return
        if _NO_LINE_END.search(self._open_end + data):
            self._refuse(_BARE)
            return
        self._open_end = data[-1:] if data.endswith(b"\r") else b""
        self._reset_timeout()
        super().data_received(data)

    def eof_received(self) -> bool | None:
        """End with the peer."""
        return None if self._peer is None else super().eof_received()

    def turn_away(self, reply: str) -> None:
        """End the session with a reply."""
        self._refused = True
        self._say(reply)
        self._close()

    def end_with(self, reply: str) -> str:
        """Return a reply after which the session ends; what came with the command is not obeyed."""
        self._refused = True
        self._unread.clear()
        self.loop.call_soon(self._close)
        return reply

    @property
    def overdue(self) -> bool:
        """Whether no further mail is taken in this session."""
        return self.loop.time() - self.began_at > SESSION

    async def handle_exception(self, error: Exception) -> str:
        """Answer a fault of ours."""
        if not isinstance(error, TLSSetupException):  # a handshake that failed is the peer's
            log.error("receiver.failed", error=type(error).__name__)
        return "451 4.3.0 This service cannot take the mail now"

    async def smtp_STARTTLS(self, arg: str | None) -> None:  # noqa: N802  aiosmtpd's names
        """Upgrade, unless something was sent behind the command: it would come from who knows whom (RFC 3207 4.2)."""
        if self._unread:
            await self.push(self.end_with("554 5.5.1 Nothing may follow STARTTLS before TLS stands"))
            return
        await super().smtp_STARTTLS(arg)

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        """Take a mail; one that has begun is taken to its end when the service stops."""
        self.busy = True
        try:
            await super().smtp_DATA(arg)
        finally:
            self.busy = False
        if self._room.stopping:
            self.turn_away(STOPPING)

    async def smtp_VRFY(self, _arg: str | None) -> None:  # noqa: N802
        """Tell nothing (RFC 5321 7.3)."""
        await self.push("252 2.1.5 Mail it, and it will be seen")

    async def smtp_EXPN(self, _arg: str | None) -> None:  # noqa: N802
        """Tell nothing."""
        await self.push("502 5.5.1 Not here")

    async def smtp_AUTH(self, _arg: str | None) -> None:  # noqa: N802
        """Nobody signs in here."""
        await self.push("502 5.5.1 Not here")

    async def smtp_HELP(self, _arg: str | None) -> None:  # noqa: N802
        """Name the standard."""
        await self.push("214 2.0.0 RFC 5321")

    @property
    def _unread(self) -> bytearray:
        unread: bytearray = self._reader._buffer  # type: ignore[attr-defined]  # noqa: SLF001  no other way tells
        return unread

    async def _handle_client(self) -> None:
        with suppress(ConnectionError):  # the peer is gone, and nobody is left to tell
            await super()._handle_client()

    def _timeout_cb(self) -> None:
        self.turn_away(_SILENT)

    def _refuse(self, reply: str) -> None:
        """End the session with a reply, but read on for a while: a close with octets unread would cut the reply off."""
        self._refused = True
        self._say(reply)
        transport: Any = self.transport
        if transport.can_write_eof():
            transport.write_eof()
        self.loop.call_later(LINGER, self._close)

    def _say(self, reply: str) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.write(reply.encode() + b"\r\n")

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.close()
