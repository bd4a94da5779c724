"""What tests of the SMTP client send, and the throw-away authority of their TLS peers."""

import asyncio
import functools
import inspect
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
import trustme
import uvloop

from mailsvc.delivery.connection import Connection
from mailsvc.delivery.envelope import Envelope
from mailsvc.delivery.session import Deadlines, Ended, Endpoint, SessionError, Timeouts
from mailsvc.delivery.tls import TlsPolicy
from mailsvc.domain.reply import Stage
from tests.support.smtp_peer import SmtpPeer

HOST = "peer.example"
DATA = b"From: <no-reply@mail.example.jp>\r\nSubject: test\r\n\r\n.one dot\r\n..two\r\n\r\n.\r\nend\r\n"
#: Short enough to wait for, long enough for a busy machine.
QUICK = Timeouts(connect=1.0, reply=0.4, attempt=4.0)
#: Seconds after the beginning of an attempt that the reply to the dot is awaited in these tests.
DOT = 2.0


def on_both_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on asyncio's own event loop and on uvloop: their transports differ at the edges."""

    def both(runner: Callable[[Coroutine[Any, Any, None]], None], **arguments: Any) -> None:
        runner(test(**arguments))

    runner = inspect.Parameter("runner", inspect.Parameter.KEYWORD_ONLY)
    signature = inspect.Signature([*inspect.signature(test).parameters.values(), runner])
    vars(both).update(vars(test) | {"__signature__": signature})
    both.__name__, both.__doc__, both.__module__ = test.__name__, test.__doc__, test.__module__
    loops: Callable[[Callable[..., None]], Callable[..., None]] = pytest.mark.parametrize(
        "runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"]
    )
    return loops(both)


@dataclass(slots=True)
class Gatekeeper:
    """A gate that says no at one stage, or never, and remembers what it was asked."""

    no_at: Stage | None = None
    asked: list[Stage] = field(default_factory=list)

    async def __call__(self, stage: Stage) -> str | None:
        """Answer as a caller's gate does."""
        self.asked.append(stage)
        return "superseded" if stage is self.no_at else None


def envelope(**changes: Any) -> Envelope:
    """Return a mail to one recipient."""
    usual: dict[str, Any] = {
        "reverse_path": "b+tag@mail.example.jp",
        "forward_path": "taro@docomo.ne.jp",
        "data": DATA,
    }
    return Envelope(**usual | changes)


def endpoint(peer: SmtpPeer, **changes: Any) -> Endpoint:
    """Return the way to a peer, in clear unless the changes say more."""
    usual: dict[str, Any] = {
        "host": HOST,
        "ip": peer.ip,
        "port": peer.port,
        "helo": "mail.example.jp",
        "tls": TlsPolicy.NONE,
    }
    return Endpoint(**usual | {"timeouts": QUICK} | changes)


def deadlines(timeouts: Timeouts = QUICK, *, life: float = 30.0) -> Deadlines:
    """Return deadlines of an attempt that begins now and waits at the dot no longer than it must."""
    now = asyncio.get_running_loop().time()
    return Deadlines.begin(timeouts, now=now, hand_over_by=now + life, answer_by=now + DOT)


async def attempt(to: Endpoint, mail: Envelope | None = None, gate: Gatekeeper | None = None) -> Ended:
    """Make one attempt over a connection of its own."""
    gate, limits = gate or Gatekeeper(), deadlines(to.timeouts)
    try:
        connection = await Connection.open(to, gate=gate, by=limits.before_dot)
    except SessionError as error:
        return error.ended
    ended = await connection.transact(mail or envelope(), gate=gate, deadlines=limits)
    connection.close()
    await connection.closed
    return ended


@functools.cache
def authority() -> trustme.CA:
    """Return the authority behind `trust` and `certificate`."""
    return trustme.CA()


def trust() -> ssl.SSLContext:
    """Return a client's context that believes the authority."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


def certificate(name: str = HOST, *, issuer: trustme.CA | None = None, **options: Any) -> ssl.SSLContext:
    """Return a server's context with a certificate for ``name``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (issuer or authority()).issue_cert(name, **options).configure_cert(context)
    return context
