"""Routes: where a mail can be handed over, and how to get there.

Decides which server a mail is offered to and when another address of it is tried. Never decides whether to try again
later. Every hand-over asks the caller's gate directly before the mail's bytes, captured mail too.
"""

import asyncio
import os
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mailsvc.delivery.envelope import Envelope
from mailsvc.delivery.pool import Pool
from mailsvc.delivery.session import Deadlines, Ended, Endpoint, Gate, Kind
from mailsvc.delivery.smtp_client import Credentials
from mailsvc.delivery.tls import TlsPolicy
from mailsvc.domain.reply import Reply, Stage

#: Connections to a relay, and so mails on their way to it.
RELAY_CONNECTIONS = 20
_BEFORE_ENVELOPE = frozenset({Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS})


@dataclass(frozen=True, slots=True)
class Handed:
    """One attempt's end, and where it took place."""

    ended: Ended
    host: str | None
    ip: str | None
    dns: float | None = None  #: seconds that name resolution took


class Route(Protocol):
    """A way out."""

    capacity: int  #: attempts that may run at one time
    relays: bool  #: its 250 is a relay's, not the recipient site's

    async def hand_over(self, envelope: Envelope, *, gate: Gate, deadlines: Deadlines) -> Handed:
        """Offer one mail; never raises for what a peer or the network does."""

    async def close(self) -> None:
        """Let go of idle connections."""


class CaptureRoute:
    """Writes mails into a folder, for development."""

    capacity = 50
    relays = False

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder

    async def hand_over(self, envelope: Envelope, *, gate: Gate, deadlines: Deadlines) -> Handed:  # noqa: ARG002  a file has no deadline
        """Write the mail as ``<envid>.eml`` once the gate says yes."""
        if reason := await gate(Stage.DOT):
            return Handed(Ended(kind=Kind.STOPPED, stage=Stage.DOT, reply=None, text=reason), None, None)
        file = self._folder / f"{envelope.envid}.eml"
        try:
            _write(file, envelope.data)
        except OSError as error:
            text = f"cannot write to {self._folder}: {os.strerror(error.errno or 0)}"
            return Handed(Ended(kind=Kind.FAILED, stage=Stage.DOT, reply=None, text=text), "capture", None)
        reply = Reply(250, (f"2.0.0 captured as {file.name}",))
        return Handed(Ended(kind=Kind.ACCEPTED, stage=Stage.DOT, reply=reply, text=reply.text), "capture", None)

    async def close(self) -> None:
        """Nothing is held."""


class SmtpRoute:
    """Hands mails to one SMTP server, over pooled connections."""

    relays = True

    def __init__(
        self,
        host: str,
        port: int,
        *,
        helo: str,
        tls: TlsPolicy,
        credentials: Credentials | None = None,
        trust: ssl.SSLContext | None = None,
        capacity: int = RELAY_CONNECTIONS,
    ) -> None:
        self.capacity = capacity
        self._host = host
        self._port = port
        self._helo = helo
        self._tls = tls
        self._credentials = credentials
        self._trust = trust
        self._pool = Pool(limit=capacity)

    async def hand_over(self, envelope: Envelope, *, gate: Gate, deadlines: Deadlines) -> Handed:
        """Offer the mail to the server, at its next address when one does not get as far as the envelope."""
        begun = time.monotonic()
        try:
            addresses = await self._resolve(deadlines.before_dot)
        except (OSError, TimeoutError) as error:
            text = f"cannot resolve {self._host}: {error.args[-1] if error.args else 'no answer in time'}"
            return Handed(Ended(kind=Kind.FAILED, stage=Stage.DNS, reply=None, text=text), self._host, None)
        dns = time.monotonic() - begun
        for ip in addresses[:-1]:
            ended = await self._offer(ip, envelope, gate, deadlines)
            if ended.kind is not Kind.FAILED or ended.stage not in _BEFORE_ENVELOPE:
                return Handed(ended, self._host, ip, dns)
        ip = addresses[-1]
        return Handed(await self._offer(ip, envelope, gate, deadlines), self._host, ip, dns)

    async def close(self) -> None:
        """Say QUIT on idle connections."""
        await self._pool.close()

    async def _resolve(self, by: float) -> list[str]:
        """Return the server's addresses, IPv4 first (DESIGN 4)."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(by):
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        found.sort(key=lambda info: info[0] != socket.AF_INET)
        return list(dict.fromkeys(str(info[4][0]) for info in found))

    async def _offer(self, ip: str, envelope: Envelope, gate: Gate, deadlines: Deadlines) -> Ended:
        endpoint = Endpoint(
            host=self._host,
            ip=ip,
            port=self._port,
            helo=self._helo,
            tls=self._tls,
            trust=self._trust,
            credentials=self._credentials,
        )
        return await self._pool.deliver(endpoint, envelope, gate=gate, deadlines=deadlines)


def _write(file: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all."""
    part = file.with_suffix(".part")
    part.write_bytes(data)
    part.replace(file)
