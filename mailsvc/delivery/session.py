"""The values around an SMTP session: where it goes, how long it may take, who may stop it, how it ended.

Decides nothing but which kind of end a reply is. Every attempt ends as one `Ended`, also one that never got a
connection; `SessionError` only carries an `Ended` up to whoever asked for the session.
"""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from mailsvc.delivery.smtp_client import Credentials
from mailsvc.delivery.tls import TlsPolicy
from mailsvc.domain.reply import TEXT_MAX, Reply, Stage

#: Asked before a connection is made (``CONNECT``), before the envelope (``MAIL``) and as the last thing before the
#: mail's bytes (``DOT``). Answers None to go on, else why not. It may be asked for a stage again when a connection
#: found dead is replaced, for ``DOT`` once per transaction. What it raises goes up as it is.
Gate = Callable[[Stage], Awaitable[str | None]]


class Kind(StrEnum):
    """How an attempt ended."""

    ACCEPTED = "accepted"  #: 2yz to the dot
    REFUSED = "refused"  #: 5yz at the stage
    DEFERRED = "deferred"  #: 4yz at the stage
    FAILED = "failed"  #: connection, protocol or time; nothing was handed over
    AMBIGUOUS = "ambiguous"  #: body and dot were written and no valid reply came (RFC 1047)
    STOPPED = "stopped"  #: a gate said no; nothing was handed over

    @classmethod
    def of(cls, reply: Reply) -> Self:
        """Return the kind of a reply that was not the wanted one."""
        if reply.permanent:
            return cls.REFUSED
        return cls.DEFERRED if reply.transient else cls.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What happened to one attempt."""

    kind: Kind
    stage: Stage  #: the stage it ended at, the last one reached
    reply: Reply | None  #: the server's reply that decided it
    text: str  #: the server's words, or ours where it gave none; at most ``TEXT_MAX`` characters
    tls: str | None = None  #: protocol version, None in clear
    seconds: tuple[tuple[str, float], ...] = ()  #: ``connect`` and ``tls`` unless reused, ``transfer``
    handed_over_at: float | None = None  #: when body and dot were written, loop time
    reused: bool = False  #: on a connection that an earlier transaction had opened
    clear_next: bool = False  #: an opportunistic offer of TLS was broken: a new session in clear may be tried once

    def __post_init__(self) -> None:
        """Keep a failure from being silent."""
        if not 0 < len(self.text) <= TEXT_MAX:
            raise ValueError(f"an end is told in 1 to {TEXT_MAX} characters")


class SessionError(Exception):
    """The attempt ended before body and dot were written; ``ended`` says how."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(f"{ended.stage}: {ended.text}")
        self.ended = ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Lengths in seconds, one per phase."""

    connect: float = 5.0  #: for the TCP connection
    reply: float = 10.0  #: for each reply before the dot, and for a TLS handshake
    attempt: float = 45.0  #: from the beginning until body and dot are written


#: The reply to the dot is awaited so long at least before a repeat (seconds): carriers take half a minute.
ANSWER_MIN = 60.0
#: It is awaited no longer than this (seconds): no server needs it, RFC 5321 4.5.3.2.6. Only notices live so long.
ANSWER_MAX = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Instants of one attempt, in seconds of the event loop's clock."""

    before_dot: float  #: unless body and dot are written by then the attempt fails
    send_by: float  #: what the peer has not taken of the mail by then is cut off; the end is ambiguous
    answer_by: float  #: the reply to the dot is awaited until then at most
    repeat_by: float | None = None  #: later than this no repeat of the mail begins; None: it is not repeated

    @classmethod
    def begin(
        cls, timeouts: Timeouts, *, now: float, hand_over_by: float, answer_by: float, repeat_by: float | None = None
    ) -> Self:
        """Return the deadlines of an attempt that begins ``now``; nothing is handed over after ``hand_over_by``."""
        before_dot = min(now + timeouts.attempt, hand_over_by)
        return cls(before_dot=before_dot, send_by=hand_over_by, answer_by=answer_by, repeat_by=repeat_by)

    def wait_until(self, handed_over_at: float) -> float:
        """Return until when the reply is awaited: to the end, but where a repeat is possible, until its last moment."""
        latest = min(self.answer_by, handed_over_at + ANSWER_MAX)
        if self.repeat_by is not None and self.repeat_by - handed_over_at >= ANSWER_MIN:
            return min(self.repeat_by, latest)
        return latest


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where and how a session is opened. Sessions of equal endpoints are interchangeable."""

    host: str  #: the server's name: for its certificate, and for people
    ip: str  #: its address, IPv4 or IPv6
    port: int
    helo: str  #: our argument of EHLO
    tls: TlsPolicy
    trust: ssl.SSLContext | None = None  #: verifies instead of the system's authorities; make it once, it is compared
    credentials: Credentials | None = None  #: for AUTH; sent in clear only under ``TlsPolicy.NONE``
    source: str | None = None  #: local address to connect from
    timeouts: Timeouts = Timeouts()
    mails: int = 100  #: mails over one connection, then it is closed
    idle: float = 10.0  #: seconds an idle connection is kept
