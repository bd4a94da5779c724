"""One IMAP session (RFC 3501): the few commands that empty a mailbox of its reports.

Each command has a time and a number of octets in which its answer has to be there, whatever the server sends or does
not send; a session can be cancelled at any point. All that goes wrong is an `ImapError`, after which the session is of
no further use; its words never hold what a mail says, nor the password. What becomes of a mail is decided elsewhere.

This is not ``imaplib``: that has no bound for a whole answer, blocks a thread that nobody can cancel, and remembers the
line with the password.
"""

import asyncio
import itertools
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from mailsvc.domain.secret import Secret
from mailsvc.feedback.mime import clean, plain

#: Seconds until there is a connection, with TLS where it is asked for, and for each command after that.
CONNECT = 30.0
COMMAND = 60.0
#: Octets of a line: the numbers of half a million mails stand in one.
LINE = 4 * 1024 * 1024
#: Octets that one command may be answered with.
ANSWER = 8 * 1024 * 1024
#: Characters of a server's words that are repeated.
WORDS = 200

_LITERAL = re.compile(rb"\{(\d{1,10})\}\Z")
_NUMBER = re.compile(rb"\b\d{1,10}\b")
_UID = re.compile(rb"\bUID (\d{1,10})\b")
_QUOTED = re.compile(rb'BODY\[\]\S* "((?:[^"\\]|\\.)*)"')
_VALIDITY = re.compile(rb"\[UIDVALIDITY (\d{1,10})\]")
_CODE = re.compile(r"\[[A-Z-]{1,40}\]")  # RFC 5530 3


class ImapError(Exception):
    """The mailbox could not be worked with; the message says at what, and why."""


class Refused(ImapError):
    """A command was answered with NO or BAD."""

    def __init__(self, command: str, words: str) -> None:
        super().__init__(f"{command}: {words}")
        self.words = words


class LoginRefused(ImapError):
    """The server does not let this user in with this password."""


class Tls(StrEnum):
    """How a session is protected; a certificate has to name the host."""

    NONE = "none"
    STARTTLS = "starttls"  #: a server that does not offer it is not told the password
    IMPLICIT = "implicit"  #: from the first octet


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A mailbox, and who may open it; all texts in printable ASCII."""

    host: str
    port: int
    user: str
    password: Secret
    mailbox: str
    tls: Tls


@dataclass(frozen=True, slots=True)
class _Response:
    text: bytes  #: its lines without CRLF and without the literals between them
    literals: tuple[bytes, ...]


@asynccontextmanager
async def opened(place: Place, trust: ssl.SSLContext) -> AsyncIterator["Session"]:
    """Open a mailbox; in the end the connection is cut, for nothing is under way that the server has to know of."""
    session = await Session.connect(place, trust)
    try:
        await session.open(place)
        yield session
    finally:
        session.close()


class Session:
    """A connection, and the mailbox that is open in it."""

    def __init__(self, reader: asyncio.StreamReader, transport: asyncio.Transport) -> None:
        self.validity: tuple[bytes, ...] = ()  #: UIDVALIDITY: while it is the same, UIDs mean the same mails
        self._reader = reader
        self._transport = transport
        self._numbers = itertools.count(1)
        self._left = ANSWER  # octets

    @classmethod
    async def connect(cls, place: Place, trust: ssl.SSLContext) -> Self:
        """Connect, with TLS where it is asked for."""
        reader, protocol = _stream()
        context = trust if place.tls is Tls.IMPLICIT else None
        with _told("connect"):
            async with asyncio.timeout(CONNECT):
                loop = asyncio.get_running_loop()
                transport, _ = await loop.create_connection(lambda: protocol, place.host, place.port, ssl=context)
                session = cls(reader, transport)
                try:
                    await session._begin(place, trust)
                except BaseException:
                    session.close()
                    raise
        return session

    async def open(self, place: Place) -> None:
        """Log in, and select the mailbox."""
        try:
            await self._do("LOGIN", f"{_quoted(place.user)} {_quoted(place.password.reveal())}")
        except Refused as error:  # its words may repeat the command
            code = _CODE.search(error.words)
            raise LoginRefused(f"LOGIN was refused{f' with {code[0]}' if code else ''}") from None
        found = await self._do("SELECT", _quoted(place.mailbox))
        if b"[READ-ONLY]" in found[-1].text:
            raise ImapError("SELECT: the mailbox can only be read, and reports have to be deleted from it")
        self.validity = tuple(match[1] for response in found if (match := _VALIDITY.search(response.text)))

    async def waiting(self) -> list[int]:
        """Return the UIDs of the mails that are neither deleted nor flagged, the oldest first."""
        await self._do("NOOP")  # has the server look for new mail
        found = await self._do("UID SEARCH", "UNDELETED UNFLAGGED")
        told = b" ".join(response.text for response in found if response.text.startswith(b"* SEARCH"))
        return sorted(map(int, _NUMBER.findall(told)))

    async def fetch(self, uid: int, most: int) -> bytes | None:
        """Return up to ``most`` octets of a mail, None where it is gone meanwhile."""
        for response in await self._do("UID FETCH", f"{uid} (UID BODY.PEEK[]<0.{most}>)"):
            named = _UID.search(response.text)
            if named and int(named[1]) == uid and b"BODY[]" in response.text:
                return _body(response)
        return None

    async def mark(self, uid: int, flag: str) -> None:
        r"""Give a mail a flag such as ``\Deleted``."""
        await self._do("UID STORE", f"{uid} +FLAGS.SILENT ({flag})")

    async def expunge(self) -> None:
        r"""Remove what has the flag ``\Deleted``."""
        await self._do("EXPUNGE")

    def close(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    async def _begin(self, place: Place, trust: ssl.SSLContext) -> None:
        # PREAUTH in clear would take STARTTLS away (RFC 3501 6.2.1).
        if not (await self._response()).text.upper().startswith(b"* OK"):
            raise ImapError("connect: the server does not greet as IMAP servers do")
        if place.tls is Tls.STARTTLS:
            await self._do("STARTTLS")
            # What came in clear behind the answer stays in the old reader, and is never read.
            reader, protocol = _stream()
            loop = asyncio.get_running_loop()
            transport = await loop.start_tls(self._transport, protocol, trust, server_hostname=place.host)
            assert transport is not None  # None means that it was closed by ourselves
            protocol.connection_made(transport)
            self._reader, self._transport = reader, transport

    async def _do(self, command: str, arguments: str = "") -> list[_Response]:
        """Send a command; return what is answered, its OK at the end."""
        tag = f"m{next(self._numbers)} "
        self._transport.write(f"{tag}{command} {arguments}".rstrip(" ").encode() + b"\r\n")
        self._left = ANSWER
        found: list[_Response] = []
        with _told(command):
            async with asyncio.timeout(COMMAND):
                while not found or not found[-1].text.startswith(tag.encode()):
                    found.append(await self._response())
                    if not found[-1].text.startswith((b"* ", tag.encode())):
                        raise ImapError(f"{command}: what the server answers is no IMAP")
                    if found[-1].text.upper().startswith(b"* BYE"):
                        raise ImapError(f"{command}: the server ends the session")
        words = plain(clean(found[-1].text.decode(errors="replace"))).removeprefix(tag)[:WORDS]
        if not words.upper().startswith("OK"):
            raise Refused(command, words)
        return found

    async def _response(self) -> _Response:
        text, literals = b"", list[bytes]()
        while True:
            line = await self._reader.readuntil(b"\r\n")
            self._count(len(line))
            text += line[:-2]
            literal = _LITERAL.search(line[:-2])
            if literal is None:
                return _Response(text, tuple(literals))
            self._count(int(literal[1]))
            literals.append(await self._reader.readexactly(int(literal[1])))

    def _count(self, octets: int) -> None:
        self._left -= octets
        if self._left < 0:
            raise ImapError(f"the server answers one command with more than {ANSWER} octets")


def _stream() -> tuple[asyncio.StreamReader, asyncio.StreamReaderProtocol]:
    reader = asyncio.StreamReader(limit=LINE)
    return reader, asyncio.StreamReaderProtocol(reader)


def _body(response: _Response) -> bytes:
    quoted = _QUOTED.search(response.text)
    body = response.literals[0] if response.literals else re.sub(rb"\\(.)", rb"\1", quoted[1] if quoted else b"")
    if not body:  # it would be deleted without having been read
        raise ImapError("UID FETCH: the server gives a mail without a single octet")
    return body


def _quoted(text: str) -> str:
    """Return a quoted string (RFC 3501 4.3)."""
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{escaped}"'


@contextmanager
def _told(command: str) -> Iterator[None]:
    """Turn what a connection can end with into an `ImapError`."""
    try:
        yield
    except TimeoutError as error:
        raise ImapError(f"{command}: no whole answer came in time") from error
    except EOFError as error:
        raise ImapError(f"{command}: the connection was closed") from error
    except asyncio.LimitOverrunError as error:
        raise ImapError(f"{command}: the server sends a line of more than {LINE} octets") from error
    except OSError as error:
        raise ImapError(f"{command}: {error.strerror or error}") from error
