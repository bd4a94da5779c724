"""Every role in one process, until a signal."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from mailsvc.api.services import Services, Watch
from mailsvc.clock import Clock
from mailsvc.delivery.deliver import Delivery
from mailsvc.delivery.sweeper import Sweeper
from mailsvc.delivery.worker import Worker
from mailsvc.queue import LocalQueue
from mailsvc.service.failure import StartError
from mailsvc.service.files import raise_file_limit
from mailsvc.service.http import listen, serve, url_of
from mailsvc.service.mail_room import mail_room
from mailsvc.service.routes import make_route
from mailsvc.settings import Settings, describe
from mailsvc.store import Cipher, GateLocked, Store, StoreUnavailable, keys
from mailsvc.telemetry import logs
from mailsvc.telemetry.metrics import Metrics

#: Threads that sign; RSA lets the interpreter go on meanwhile.
SIGNERS = 2

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """A service that accepts and delivers."""

    url: str  #: where the HTTP surface answers
    store: Store


async def run(settings: Settings, ready: Callable[[Running], Coroutine[Any, Any, None]]) -> None:
    """Run every role in this process until SIGTERM or SIGINT; ``ready`` is called once codes are accepted.

    Raises `StartError`.
    """
    logs.configure(settings.log)
    _check_supported(settings)
    raise_file_limit()
    clock = Clock()
    composer, finish = mail_room(settings, clock.now())
    async with AsyncExitStack() as stack:  # what is started last is stopped first
        listener = stack.enter_context(listen(settings))
        store = await open_store(settings)
        stack.push_async_callback(store.close)
        await _ensure_keys(settings, store, clock.now())
        watch, metrics = Watch(), Metrics()
        for subscriber in (watch.notify, metrics.observe, logs.log_events):
            store.subscribe(subscriber)
        route = make_route(settings.route, settings, store, clock)
        stack.push_async_callback(route.close)
        fallback = None
        if settings.fallback_route:
            fallback = make_route(settings.fallback_route, settings, store, clock)
            stack.push_async_callback(fallback.close)
        delivery = Delivery(
            store=store,
            clock=clock,
            finish=finish,
            signers=stack.enter_context(ThreadPoolExecutor(SIGNERS, thread_name_prefix="signer")),
            route=route,
            fallback=fallback,
            bounce_domain=settings.bounce_domain,
        )
        worker = await _start_delivery(stack, settings, store=store, clock=clock, delivery=delivery, metrics=metrics)
        services = Services(
            store=store,
            clock=clock,
            watch=watch,
            templates=composer.catalogue,
            limits=settings.rate_per_address,
            hand_over=worker.take,
            predicted_wait=route.predicted_wait,
            failing=lambda: {"store": store.failing} if store.failing else {},
            metrics=metrics.exposition,
        )
        log.info("service.started", **dict(describe(settings)))
        url = url_of(listener, settings)
        await serve(services, listener, settings, ready=partial(ready, Running(url, store)))
    log.info("service.stopped")


async def _start_delivery(
    stack: AsyncExitStack,
    settings: Settings,
    *,
    store: Store,
    clock: Clock,
    delivery: Delivery,
    metrics: Metrics,
) -> Worker:
    """Start what hands mails over, taking up first what the last process left open."""
    queue = LocalQueue(clock.now)
    sweeper = Sweeper(
        store=store,
        clock=clock,
        queue=queue,
        keep_messages=settings.keep_messages,
        keep_events=settings.keep_events,
        observe=metrics.observe_queue,
    )
    await sweeper.close_abandoned()
    await sweeper.ring_all()
    stack.callback(asyncio.create_task(sweeper.run()).cancel)
    worker = Worker(store=store, clock=clock, queue=queue, delivery=delivery)
    worker.start()
    stack.push_async_callback(worker.stop)
    return worker


def _check_supported(settings: Settings) -> None:
    if settings.redis_url:
        raise StartError("MAILSVC_REDIS_URL: found an address, expected nothing: this version runs in one process")
    if not settings.database_url.startswith("sqlite:"):
        raise StartError(
            "MAILSVC_DATABASE_URL: found PostgreSQL, expected sqlite:///…: this version has no other store"
        )


async def open_store(settings: Settings) -> Store:
    """Open the configured store."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return await Store.open(settings.database_url, Cipher(settings.secret_keys))
    except GateLocked as error:
        raise StartError(str(error)) from None
    except StoreUnavailable as error:
        raise StartError(f"MAILSVC_DATABASE_URL: {error}") from None


async def _ensure_keys(settings: Settings, store: Store, now: float) -> None:
    secret = settings.api_key
    if secret is not None:
        await store.write(lambda tx: keys.ensure(tx.connection, "MAILSVC_API_KEY", secret.reveal(), now))
    elif not any(key.revoked_at is None for key in await store.read(keys.every)):
        raise StartError(
            "MAILSVC_API_KEY: found nothing and no key in the store, expected one; or run: mailsvc keys new"
        )
