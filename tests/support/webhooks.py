"""Webhooks on a real store in this process, and a reference receiver that verifies what it gets."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from mailsvc.clock import Clock
from mailsvc.domain.event import EventType
from mailsvc.domain.secret import Secret
from mailsvc.store import Store, Transaction
from mailsvc.telemetry.metrics import Metrics
from mailsvc.webhooks.hub import Webhooks
from mailsvc.webhooks.target import Target
from tests.support.webhook_receiver import SECRET, WebhookReceiver


def target(receiver: WebhookReceiver, number: int = 1, **fields: Any) -> Target:
    """Return the endpoint that a receiver is."""
    default = {
        "number": number,
        "key": f"{receiver.port:032}",
        "url": receiver.url,
        "shown": receiver.url,
        "secrets": (Secret(SECRET),),
        "types": frozenset(EventType),
    }
    return Target(**(default | fields))


@asynccontextmanager
async def pushing(
    store: Store, *targets: Target, clock: Clock | None = None, metrics: Metrics | None = None
) -> AsyncIterator[Webhooks]:
    """Push a store's events."""
    webhooks = await Webhooks.open(targets, store=store, clock=clock or Clock(), observer=metrics or Metrics())
    webhooks.start()
    try:
        yield webhooks
    finally:
        await webhooks.stop()


async def happened(
    store: Store, *lanes: str, at: float | None = None, type_: EventType = EventType.MESSAGE_SENT
) -> None:
    """Append events to the log, one for each lane, in one transaction."""
    instant = Clock().now() if at is None else at

    def emit(tx: Transaction) -> None:
        for lane in lanes:
            tx.emit(type_, instant, data={"id": lane, "state": "sent", "to": "t***@例え.jp"}, message=lane)

    await store.write(emit)


@dataclass(slots=True)
class ReferenceReceiver:
    """Verifies as docs/reference/webhooks.md tells receivers to."""

    secrets: Sequence[str] = (SECRET,)
    events: list[dict[str, Any]] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def take(self, headers: dict[str, str], body: bytes) -> bool:
        """Take an event; False: it was here before. Raises `WebhookVerificationError` for what is not ours."""
        for number, secret in enumerate(self.secrets, 1):
            try:
                event = Webhook(secret).verify(body, headers)
                break
            except WebhookVerificationError:
                if number == len(self.secrets):
                    raise
        if event["id"] != headers["webhook-id"]:
            raise WebhookVerificationError("another event's id")
        if event["id"] in self._seen:
            return False
        self._seen.add(event["id"])
        self.events.append(event)
        return True
