"""The webhook endpoints of the settings, pushed to while the service runs."""

import hashlib
from contextlib import AsyncExitStack

from mailsvc.clock import Clock
from mailsvc.settings import Settings, Webhook
from mailsvc.store import Store
from mailsvc.webhooks.hub import Webhooks
from mailsvc.webhooks.target import Observer, Target


async def start_webhooks(
    stack: AsyncExitStack, settings: Settings, *, store: Store, clock: Clock, observer: Observer
) -> Webhooks:
    """Start to push events to the configured endpoints."""
    targets = [_target(number, hook) for number, hook in enumerate(settings.webhooks, 1)]
    webhooks = await Webhooks.open(targets, store=store, clock=clock, observer=observer)
    webhooks.start()
    stack.push_async_callback(webhooks.stop)
    return webhooks


def _target(number: int, hook: Webhook) -> Target:
    return Target(
        number=number,
        key=hashlib.sha256(hook.identity.encode()).hexdigest()[:32],  # the query of a URL may be a secret
        url=hook.url,
        shown=hook.shown,
        secrets=hook.secrets,
        types=hook.types,
    )
