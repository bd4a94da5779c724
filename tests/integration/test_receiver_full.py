"""What the receiver answers while a report cannot be kept: 4yz, so that its sender comes again."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mailsvc.clock import Clock
from mailsvc.domain.address import parse
from mailsvc.domain.mailboxes import Mailboxes
from mailsvc.feedback.inbox import WAITING_MAX, Inbox
from mailsvc.feedback.receiver import Receiver
from mailsvc.store import Store
from tests.support.receiver import Caller, calling
from tests.support.reports import SENDER_DOMAIN
from tests.support.store import count, database_url, no_space, store

__all__ = ["database_url", "store"]

POSTMASTER = f"postmaster@{SENDER_DOMAIN}"
LETTER = b"Subject: hello\r\n\r\nHello.\r\n"


@asynccontextmanager
async def receiving(store: Store, inbox: Inbox) -> AsyncIterator[Caller]:
    """Yield a client of a receiver in this process."""
    mailboxes = Mailboxes(sender=parse(f"no-reply@{SENDER_DOMAIN}"), bounce_domain=SENDER_DOMAIN)
    receiver = Receiver(store=store, inbox=inbox, mailboxes=mailboxes, hostname="mail.example.jp", tls=None)
    listener = socket.create_server(("127.0.0.1", 0))
    await receiver.start(listener)
    try:
        async with calling(listener.getsockname()[1]) as caller:
            yield caller
    finally:
        await receiver.stop()


async def test_full_inbox_is_a_temporary_refusal(store: Store) -> None:
    """452 while as much waits to be read as may, 250 once it has been read."""
    inbox = Inbox(store, Clock())
    inbox.observe(WAITING_MAX)
    async with receiving(store, inbox) as caller:
        assert (await caller.mail(LETTER, POSTMASTER)).startswith("452 4.3.1")
        assert await count(store, "reports") == 0
        inbox.observe(0)
        assert (await caller.mail(LETTER, POSTMASTER)).startswith("250")
    assert await count(store, "reports") == 1


async def test_store_that_cannot_write_is_a_temporary_refusal(store: Store) -> None:
    """451 while the disk is full, and nothing is there that was not answered by 250."""
    async with receiving(store, Inbox(store, Clock())) as caller:
        with no_space():
            assert (await caller.mail(LETTER * 1000, POSTMASTER)).startswith("451 4.3.0")
        assert await count(store, "reports") == 0
        assert (await caller.mail(LETTER * 1000, POSTMASTER)).startswith("250")
