"""The client's side of an SMTP session without I/O, in the manner of h11: bytes in, answers out, commands as bytes.

Decides what is written next, which reply belongs to which command and whether the session may go on
(RFC 5321, 2920, 3207, 4954). Never opens a socket, waits, reads a clock or retries.
A caller sees a refusal as an `Answer` that is not good; a server that breaks the protocol as ``fault``, after
which nothing more is read and the connection has to be cut.
"""

import base64
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mailsvc.delivery.envelope import Envelope
from mailsvc.domain.reply import Reply, Stage
from mailsvc.domain.secret import Secret

REPLY_LINES_MAX = 64
REPLY_LINE_KEPT = 512  # octets of a line's text, RFC 5321 4.5.3.1.5
REPLY_LINE_MAX = 2048  # octets; a longer line is no reply

_SERVICE_CLOSING = 421  # RFC 5321 3.8: the server closes the channel whatever was asked
_DONE, _CONTINUE = 2, 3  # first digit of the wanted reply, RFC 5321 4.2.1
_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)


class ProtocolError(Exception):
    """The server's bytes are no SMTP; the message says what was wrong."""


class ReplyReader:
    """Cuts a byte stream into replies, keeping at most ``REPLY_LINES_MAX`` lines of ``REPLY_LINE_KEPT`` octets."""

    def __init__(self) -> None:
        self._rest = b""
        self._code = 0
        self._lines: list[str] = []

    @property
    def partial(self) -> bool:
        """Whether a reply has begun and not ended."""
        return bool(self._rest or self._lines)

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Yield each complete reply; raise `ProtocolError` at the first octets that are none."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if self._add(line):
                yield Reply(self._code, tuple(self._lines))
                self._lines.clear()
        if len(self._rest) > REPLY_LINE_MAX:
            raise ProtocolError(f"sent a reply line of more than {REPLY_LINE_MAX} octets")

    def _add(self, line: bytes) -> bool:
        """Take one line; return whether it is the reply's last."""
        match = _LINE.fullmatch(line.removesuffix(b"\r")) if len(line) <= REPLY_LINE_MAX else None
        if match is None:
            raise ProtocolError(f"sent something that is no SMTP reply: {_readable(line[:40])}")
        code = int(match[1])
        if self._lines and code != self._code:
            raise ProtocolError(f"sent a reply whose lines say both {self._code} and {code}")
        if len(self._lines) == REPLY_LINES_MAX:
            raise ProtocolError(f"sent a reply of more than {REPLY_LINES_MAX} lines")
        self._code = code
        self._lines.append(_readable(match[3] or b""))
        return match[2] != b"-"


def _readable(octets: bytes) -> str:
    """Decode a server's text; control characters, direction marks and undecodable octets are replaced."""
    text = octets[:REPLY_LINE_KEPT].decode("utf-8", "replace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What AUTH proves; shown nowhere."""

    user: Secret
    password: Secret


class Answer(NamedTuple):
    """A reply and what it answers."""

    stage: Stage
    reply: Reply
    good: bool  #: the wanted reply: the dialogue may go on


class _Command(NamedTuple):
    stage: Stage
    line: str
    wanted: int = _DONE


class SmtpClient:
    """One session. After each block of commands, read until ``awaiting`` is false or ``fault`` is set."""

    def __init__(self) -> None:
        self.capabilities: Mapping[str, str] = {}  #: keyword to parameters, as EHLO told them
        self.fault: str | None = None  #: why the session cannot go on
        self.stage = Stage.BANNER  #: the stage whose reply is awaited, else the last one answered
        self._reader = ReplyReader()
        self._pending = deque([(Stage.BANNER, _DONE)])
        self._in_transaction = False  # the server holds a reverse-path that only RSET or the dot clears
        self._in_data = False  # the server takes whatever comes next as the mail
        self._confidential: tuple[str, ...] = ()

    @property
    def awaiting(self) -> bool:
        """Whether a command is unanswered."""
        return bool(self._pending)

    @property
    def reusable(self) -> bool:
        """Whether another transaction may follow."""
        return not (self.fault or self._pending or self._in_data)

    def receive(self, data: bytes) -> list[Answer]:
        """Take what the server sent; octets nobody asked for are a fault (RFC 3207 5: injection before TLS)."""
        answers: list[Answer] = []
        try:
            for reply in self._reader.feed(data) if self.fault is None else ():
                answers.append(self._answer(reply))  # noqa: PERF401  those before a fault are kept
        except ProtocolError as error:
            self.fault = self.fault or str(error)
        if not (self.fault or self._pending) and self._reader.partial:
            self.fault = "sent octets that answer nothing"
        return answers

    def _answer(self, reply: Reply) -> Answer:
        if not self._pending:
            raise ProtocolError(f"sent a reply that answers nothing: {reply.text}")
        stage, wanted = self._pending.popleft()
        answer = Answer(stage, reply, reply.code // 100 == wanted)
        if answer.good:
            self._advance(stage, reply)
        elif reply.code == _SERVICE_CLOSING:
            self.fault = f"closed the session: {reply.text}"
            self._pending.clear()
        elif reply.positive:
            self.fault = f"gave {stage.upper()} an answer that does not belong there: {reply.text}"
        elif stage is Stage.AUTH:
            answer = answer._replace(reply=self._without_secrets(reply))
        self.stage = self._pending[0][0] if self._pending and not self.fault else stage
        return answer

    def _advance(self, stage: Stage, reply: Reply) -> None:
        if stage is Stage.EHLO:
            self.capabilities = _capabilities(reply)
        elif stage is Stage.MAIL:
            self._in_transaction = True
        elif stage is Stage.DATA:
            self._in_data = True

    def _without_secrets(self, reply: Reply) -> Reply:
        """Mask what a server repeats of our credentials: its words go into logs."""
        text = "\n".join(reply.lines)
        for secret in self._confidential:
            text = text.replace(secret, "***")
        return Reply(reply.code, tuple(text.split("\n")))

    def ehlo(self, name: str) -> bytes:
        """EHLO (RFC 5321 4.1.1.1)."""
        return self._send(_Command(Stage.EHLO, f"EHLO {name}"))

    def helo(self, name: str) -> bytes:
        """HELO, for a server that refuses EHLO (RFC 5321 3.2)."""
        return self._send(_Command(Stage.EHLO, f"HELO {name}"))

    def starttls(self) -> bytes:
        """STARTTLS (RFC 3207); after its good answer comes the handshake, then ``secured``."""
        return self._send(_Command(Stage.STARTTLS, "STARTTLS"))

    def secured(self) -> None:
        """Forget what the server said in clear (RFC 3207 4.2)."""
        self.capabilities = {}

    def auth(self, credentials: Credentials) -> Iterator[bytes]:
        """Yield the blocks of AUTH PLAIN, else LOGIN, each after the good answer to the one before (RFC 4954).

        Raises `ProtocolError` where the server offers neither.
        """
        offered = self.capabilities.get("AUTH", "").upper().split()
        user, password = credentials.user.reveal(), credentials.password.reveal()
        plain = _base64(f"\0{user}\0{password}")
        self._confidential = (plain, _base64(password), password)
        if "PLAIN" in offered:
            yield self._send(_Command(Stage.AUTH, f"AUTH PLAIN {plain}"))
        elif "LOGIN" in offered:
            yield self._send(_Command(Stage.AUTH, "AUTH LOGIN", _CONTINUE))
            yield self._send(_Command(Stage.AUTH, _base64(user), _CONTINUE))
            yield self._send(_Command(Stage.AUTH, _base64(password)))
        else:
            raise ProtocolError("offers neither AUTH PLAIN nor AUTH LOGIN")

    def envelope(self, envelope: Envelope) -> Iterator[bytes]:
        """Yield the blocks of MAIL, RCPT and DATA, each after the good answer to the one before.

        With PIPELINING they are one block (RFC 2920). RSET leads where an earlier transaction ended midway; its
        answer counts as one to MAIL.
        """
        commands = [
            _Command(Stage.MAIL, envelope.mail(self.capabilities)),
            _Command(Stage.RCPT, envelope.rcpt(self.capabilities)),
            _Command(Stage.DATA, "DATA", _CONTINUE),
        ]
        if self._in_transaction:
            commands.insert(0, _Command(Stage.MAIL, "RSET"))
        if "PIPELINING" in self.capabilities:
            yield self._send(*commands)
        else:
            yield from map(self._send, commands)

    def body(self, envelope: Envelope) -> bytes:
        """Return the mail, dot-stuffed, with the final dot: after this write it is handed over."""
        self._in_transaction = self._in_data = False  # whatever the answer, RFC 5321 4.1.1.4
        self._await(_Command(Stage.DOT, ""))
        return envelope.dotted

    def quit(self) -> bytes:
        """QUIT (RFC 5321 4.1.1.10)."""
        return b"QUIT\r\n"

    def _send(self, *commands: _Command) -> bytes:
        for stage, line, _ in commands:
            if not (line.isascii() and line.isprintable()):
                raise ValueError(f"the {stage.upper()} command has a control or non-ASCII character")
        self._await(*commands)
        return "".join(f"{command.line}\r\n" for command in commands).encode("ascii")

    def _await(self, *commands: _Command) -> None:
        self._pending.extend((command.stage, command.wanted) for command in commands)
        self.stage = self._pending[0][0]


def _capabilities(reply: Reply) -> dict[str, str]:
    """Read the EHLO keywords (RFC 5321 4.1.1.1); the first line is the server's name and greeting."""
    words = (line.partition(" ") for line in reply.lines[1:])
    return {keyword.upper(): parameters for keyword, _, parameters in words}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
