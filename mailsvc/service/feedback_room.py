"""What comes back: the inbox, the intake that reads it, the ways in (receiver and poller), and the closed loop."""

import asyncio
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass
from socket import socket

from mailsvc.clock import Clock
from mailsvc.domain.mailboxes import Mailboxes
from mailsvc.feedback.closed_loop import ClosedLoop
from mailsvc.feedback.imap import Place, Tls
from mailsvc.feedback.inbox import Inbox
from mailsvc.feedback.intake import Intake
from mailsvc.feedback.poller import Poller
from mailsvc.feedback.receiver import Receiver
from mailsvc.service.failure import StartError
from mailsvc.settings import ImapMailbox, Settings, TlsFiles
from mailsvc.store import Store
from mailsvc.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class FeedbackRoom:
    """What is running."""

    inbox: Inbox
    intake: Intake
    poller: Poller | None
    closed_loop: ClosedLoop

    def late(self) -> dict[str, str]:
        """Return what lags behind, and by how much."""
        found = {
            "feedback": self.intake.problem,
            "imap": self.poller.problem if self.poller else None,
            "used": self.closed_loop.problem,
        }
        return {part: why for part, why in found.items() if why}


async def start_feedback(
    stack: AsyncExitStack,
    settings: Settings,
    listener: socket | None,
    *,
    store: Store,
    clock: Clock,
    metrics: Metrics,
) -> FeedbackRoom:
    """Start to take reports, on a listening socket and from a mailbox where there are such, and to read what waits."""
    mailboxes = Mailboxes(
        sender=settings.sender, bounce_domain=settings.bounce_domain, others=settings.report_mailboxes
    )
    inbox = Inbox(store, clock)
    intake = Intake(store=store, clock=clock, inbox=inbox, mailboxes=mailboxes, observer=metrics)
    intake.start()
    stack.push_async_callback(intake.stop)
    if listener is not None:
        receiver = Receiver(
            store=store,
            inbox=inbox,
            mailboxes=mailboxes,
            hostname=settings.helo,
            tls=_tls(settings.receiver_tls) if settings.receiver_tls else None,
        )
        await receiver.start(listener)
        stack.push_async_callback(receiver.stop)
    poller = None
    if settings.imap is not None:
        poller = Poller(place=_place(settings.imap), inbox=inbox, clock=clock, observer=metrics)
        poller.start()
        stack.push_async_callback(poller.stop)
    closed_loop = ClosedLoop(store=store, clock=clock, observe=metrics.observe_uses)
    stack.callback(asyncio.create_task(closed_loop.run()).cancel)
    return FeedbackRoom(inbox, intake, poller, closed_loop)


def _place(mailbox: ImapMailbox) -> Place:
    return Place(
        host=mailbox.host,
        port=mailbox.port,
        user=mailbox.user,
        password=mailbox.password,
        mailbox=mailbox.mailbox,
        tls=Tls(mailbox.tls.value),
    )


def _tls(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(files.certificate, files.key, password="")
    except (ssl.SSLError, OSError) as error:
        raise StartError(f"MAILSVC_RECEIVER_TLS: found files that make no certificate: {error}") from None
    return context
