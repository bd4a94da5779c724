"""What comes back: the inbox, the intake that reads it, and the receiver where one is configured."""

import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass
from socket import socket

from mailsvc.clock import Clock
from mailsvc.domain.mailboxes import Mailboxes
from mailsvc.feedback.inbox import Inbox
from mailsvc.feedback.intake import Intake
from mailsvc.feedback.receiver import Receiver
from mailsvc.service.failure import StartError
from mailsvc.settings import Settings, TlsFiles
from mailsvc.store import Store
from mailsvc.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class FeedbackRoom:
    """What is running."""

    inbox: Inbox
    intake: Intake

    def late(self) -> dict[str, str]:
        """Return what lags behind, and by how much."""
        return {"feedback": self.intake.problem} if self.intake.problem else {}


async def start_feedback(
    stack: AsyncExitStack,
    settings: Settings,
    listener: socket | None,
    *,
    store: Store,
    clock: Clock,
    metrics: Metrics,
) -> FeedbackRoom:
    """Start to take reports, on a listening socket where there is one, and to read what waits."""
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
    return FeedbackRoom(inbox, intake)


def _tls(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(files.certificate, files.key, password="")
    except (ssl.SSLError, OSError) as error:
        raise StartError(f"MAILSVC_RECEIVER_TLS: found files that make no certificate: {error}") from None
    return context
