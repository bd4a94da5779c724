"""What the HTTP surface works with; the composition root fills it in."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import Request

from mailsvc.checks.check import Checked
from mailsvc.clock import Clock
from mailsvc.domain.event import Event
from mailsvc.domain.message import Message
from mailsvc.domain.rate import Limits
from mailsvc.feedback.inbox import Inbox
from mailsvc.store import Store
from mailsvc.templates import Template
from mailsvc.webhooks.hub import Webhooks

#: A code that would wait longer than this for its first attempt is not accepted (seconds).
WAIT_MAX = 10.0


class Watch:
    """Lets requests sleep until a message changes or the log grows."""

    def __init__(self) -> None:
        self._bells: dict[str, set[asyncio.Event]] = {}
        self._closed = False

    def notify(self, events: Sequence[Event]) -> None:
        """Wake whoever waits for these events; called with every durable group."""
        for subject in {event.message for event in events if event.message} | {_LOG}:
            for bell in self._bells.get(subject, ()):
                bell.set()

    @contextmanager
    def on(self, message_id: str | None) -> Iterator["Bell"]:
        """Watch a message, or the whole log when None; enter it before reading, so that no change slips through."""
        subject = message_id or _LOG
        bell = asyncio.Event()
        bells = self._bells.setdefault(subject, set())
        bells.add(bell)
        try:
            yield Bell(bell, lambda: self._closed)
        finally:
            bells.discard(bell)
            if not bells:
                self._bells.pop(subject, None)

    @property
    def closed(self) -> bool:
        """Whether the process is stopping."""
        return self._closed

    def close(self) -> None:
        """Wake everybody for good: the process is stopping."""
        self._closed = True
        for bells in self._bells.values():
            for bell in bells:
                bell.set()


_LOG = ""  # no message has this id


class Bell:
    """One request's ear."""

    def __init__(self, rung: asyncio.Event, closed: Callable[[], bool]) -> None:
        self._rung = rung
        self._closed = closed

    async def wait(self, until: float) -> bool:
        """Sleep until something changed (True), or until an instant of the loop's clock (False)."""
        if self._closed():
            return False
        try:
            async with asyncio.timeout_at(until):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return not self._closed()


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The rooms below the HTTP surface."""

    store: Store
    clock: Clock
    watch: Watch
    templates: Mapping[str, Template]
    limits: Limits  #: per recipient address
    inbox: Inbox  #: takes reports
    webhooks: Webhooks  #: the endpoints
    check: Callable[[str], Awaitable[Checked]]  #: tells whether an address can receive
    sender_domain: str  #: of the From address, for advice on receiving settings
    hand_over: Callable[[Message], None]  #: takes an accepted, claimed message for delivery
    predicted_wait: Callable[[], float]  #: seconds a code accepted now would wait for its first attempt
    failing: Callable[[], Mapping[str, str]]  #: what cannot work now, and why
    late: Callable[[], Mapping[str, str]]  #: what lags behind though codes go out, and by how much
    metrics: Callable[[], bytes]  #: Prometheus exposition

    @property
    def overloaded(self) -> bool:
        """Whether a code accepted now might not leave in time."""
        return self.predicted_wait() > WAIT_MAX


def services(request: Request) -> Services:
    """Return the application's services."""
    found: Services = request.app.state.services
    return found
