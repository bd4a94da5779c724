"""A poller at work on a store, and what became of it."""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from mailsvc.clock import Clock
from mailsvc.domain.secret import Secret
from mailsvc.feedback import imap as imap_module
from mailsvc.feedback import poller as poller_module
from mailsvc.feedback.imap import Place, Tls
from mailsvc.feedback.inbox import Inbox
from mailsvc.feedback.poller import Poller
from mailsvc.store import Store


def hasten(patch: pytest.MonkeyPatch) -> None:
    """Have a poller wait for nothing that a test would have to wait for."""
    patch.setattr(poller_module, "INTERVAL", 0.05)
    patch.setattr(poller_module, "FIRST", 0.02)
    patch.setattr(imap_module, "CONNECT", 5.0)
    patch.setattr(imap_module, "COMMAND", 5.0)


def place(port: int, **changes: Any) -> Place:
    """Return a mailbox on loopback."""
    usual: dict[str, Any] = {
        "host": "localhost",
        "port": port,
        "user": "bounces",
        "password": Secret("geheim"),
        "mailbox": "INBOX",
        "tls": Tls.NONE,
    }
    return Place(**usual | changes)


@dataclass(slots=True)
class Polling:
    """A poller, and what operators are shown."""

    poller: Poller
    clock: Clock
    lines: list[Any]  #: of the log
    counted: Counter[str] = field(default_factory=Counter)
    behind: float = 0.0

    def count_imap(self, result: str) -> None:
        """Note it."""
        self.counted[result] += 1

    def observe_imap(self, seconds: float) -> None:
        """Note it."""
        self.behind = seconds

    @property
    def problems(self) -> list[str]:
        """What sessions failed with."""
        return [line["problem"] for line in self.lines if line["event"] == "imap.failed"]

    async def until(self, condition: Callable[["Polling"], object], *, within: float = 15.0) -> None:
        """Wait for something to be seen."""
        end = asyncio.get_running_loop().time() + within
        while not condition(self):
            assert asyncio.get_running_loop().time() < end, (self.lines, self.counted)
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def polling(store: Store, where: Place, trust: ssl.SSLContext | None = None) -> AsyncIterator[Polling]:
    """Run a poller."""
    clock = Clock()
    seen: Any = Polling(poller=None, clock=clock, lines=[])  # type: ignore[arg-type]  # it observes what it is given
    with capture_logs() as seen.lines:
        seen.poller = Poller(place=where, inbox=Inbox(store, clock), clock=clock, observer=seen, trust=trust)
        seen.poller.start()
        try:
            yield seen
        finally:
            await seen.poller.stop()
