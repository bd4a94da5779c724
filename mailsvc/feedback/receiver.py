"""The SMTP listener for bounces and reports (CONTRACT 4): what comes to a return path of ours is kept before its 250.

Takes mail for issued tags and for the few addresses of `Mailboxes`; everything else is 550, whoever asks. Never reads
a mail and never sends one. While the store cannot write the answer is 4yz, and the sender comes again.
"""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from socket import socket
from typing import Any

from mailsvc.domain.mailboxes import Mailboxes
from mailsvc.domain.report import ReportSource
from mailsvc.feedback.connections import Connections
from mailsvc.feedback.inbox import Inbox, InboxFull
from mailsvc.feedback.session import CROWDED, STOPPING, TOO_LONG, Session
from mailsvc.store import Store, StoreUnavailable, addresses

#: A report has one recipient; some more may be tried at once.
RECIPIENTS = 10
#: A peer that guesses is sent away.
GUESSES = 10
#: Seconds that mails under way get at a stop.
DRAIN = 10.0

_UNKNOWN = "550 5.1.1 There is no such mailbox here"
_NOT_NOW = "451 4.3.0 The mail cannot be kept now; come again"
_FULL = "452 4.3.1 Too much waits to be read; come again"


class Receiver:
    """Listens until it is stopped; also the handler of aiosmtpd's sessions."""

    def __init__(
        self, *, store: Store, inbox: Inbox, mailboxes: Mailboxes, hostname: str, tls: ssl.SSLContext | None
    ) -> None:
        """``hostname`` stands in the banner; ``tls`` is offered with STARTTLS."""
        self.stopping = False
        self._store = store
        self._inbox = inbox
        self._mailboxes = mailboxes
        self._hostname = hostname
        self._tls = tls
        self._connections = Connections()
        self._sessions: set[Session] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._server: asyncio.Server | None = None

    async def start(self, listener: socket) -> None:
        """Begin to take mail."""
        # Its lines name recipients, and anybody can cause as many of them as he likes.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        self._server = await asyncio.get_running_loop().create_server(self._session, sock=listener)

    async def stop(self) -> None:
        """End the sessions; a mail that is being sent is taken to its end."""
        self.stopping = True
        if self._server is not None:
            self._server.close()
        for session in list(self._sessions):
            if not session.busy:
                session.turn_away(STOPPING)
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN):
                await self._empty.wait()
        for session in list(self._sessions):
            session.turn_away(STOPPING)

    def enter(self, session: Session, peer: str) -> bool:
        """Count a session in; of too many in all, the one that took longest for nothing makes room."""
        others = [other for other in self._sessions if not other.storing] if self._connections.full else []
        if (self._connections.full and not others) or not self._connections.admit(peer, session.began_at):
            return False
        if others:
            min(others, key=lambda other: (other.stored > 0, other.began_at)).turn_away(CROWDED)
        self._sessions.add(session)
        self._empty.clear()
        return True

    def leave(self, session: Session, peer: str) -> None:
        """Count a session out."""
        self._sessions.discard(session)
        self._connections.leave(peer)
        if not self._sessions:
            self._empty.set()

    async def handle_EHLO(  # noqa: N802  aiosmtpd's names
        self, _server: Session, session: Any, _envelope: Any, hostname: str, offered: Sequence[str]
    ) -> list[str]:
        """Offer what is of use."""
        session.host_name = hostname
        lines = [line[4:] for line in offered if not line[4:].startswith(("AUTH", "HELP"))]
        return [f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]

    async def handle_MAIL(  # noqa: N802
        self, server: Session, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Take a reverse-path, whichever it is: some sites bounce with one."""
        if server.overdue:
            return server.end_with(TOO_LONG)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Session, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        """Take a recipient of ours."""
        if len(envelope.rcpt_tos) >= RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        try:
            ours = self._mailboxes.takes(address) or await self._issued(address)
        except StoreUnavailable:
            return _NOT_NOW
        if ours:
            envelope.rcpt_tos.append(address)
            return "250 2.1.5 OK"
        server.guesses += 1
        return server.end_with(f"421 4.7.0 {_UNKNOWN[4:]}") if server.guesses > GUESSES else _UNKNOWN

    async def handle_DATA(self, server: Session, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep a mail for each of its recipients."""
        take = partial(self._inbox.take, envelope.content, source=ReportSource.SMTP)
        server.storing = True
        try:
            await asyncio.gather(*(take(recipient=recipient) for recipient in dict.fromkeys(envelope.rcpt_tos)))
        except StoreUnavailable:
            return _NOT_NOW
        except InboxFull:
            return _FULL
        finally:
            server.storing = False
        server.stored += 1
        return "250 2.0.0 OK: kept"

    async def _issued(self, address: str) -> bool:
        tag = self._mailboxes.tag(address)
        return tag is not None and await self._store.read(lambda found: addresses.by_tag(found, tag)) is not None

    def _session(self) -> Session:
        return Session(self, self, hostname=self._hostname, tls=self._tls)
