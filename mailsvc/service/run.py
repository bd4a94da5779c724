"""Every role in one process, until a signal."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from mailsvc.api.services import Services, Watch
from mailsvc.clock import Clock
from mailsvc.delivery.deliver import Delivery, Finish
from mailsvc.delivery.destinations import Profile
from mailsvc.delivery.routes import Route
from mailsvc.delivery.sweeper import Sweeper
from mailsvc.delivery.worker import Worker
from mailsvc.domain.guidance import Guide
from mailsvc.feedback import rules
from mailsvc.queue import LocalQueue
from mailsvc.service.certificates import observe_certificates
from mailsvc.service.check_room import start_checks
from mailsvc.service.console_room import start_console
from mailsvc.service.doctor_room import start_doctor
from mailsvc.service.failure import StartError, store_fault
from mailsvc.service.feedback_room import FeedbackRoom, start_feedback
from mailsvc.service.files import raise_file_limit
from mailsvc.service.http import listen, metrics_served, serve, url_of
from mailsvc.service.mail_room import mail_room
from mailsvc.service.routes import make_route, read_profiles
from mailsvc.service.webhook_room import start_webhooks
from mailsvc.settings import (
    LogLevel,
    Mode,
    RouteKind,
    Settings,
    check_sources,
    describe,
    make_folder,
    prepare_store,
    stated,
)
from mailsvc.store import Cipher, GateLocked, Store, StoreUnavailable, keys
from mailsvc.telemetry import logs
from mailsvc.telemetry.metrics import Metrics
from mailsvc.telemetry.reach import Reach
from mailsvc.webhooks.hub import Webhooks

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

    Raises `StartError` or `SettingsError`.
    """
    logs.configure(settings.log)
    _prepare(settings)
    profiles = read_profiles(settings)
    raise_file_limit()
    clock = Clock()
    composer, finish = mail_room(settings, clock.now())
    async with AsyncExitStack() as stack:  # what is started last is stopped first
        listener = stack.enter_context(listen("MAILSVC_HTTP", settings.http))
        own = stack.enter_context(listen("MAILSVC_METRICS", settings.metrics)) if settings.metrics else None
        mail = stack.enter_context(listen("MAILSVC_RECEIVER", settings.receiver)) if settings.receiver else None
        store = await open_store(settings)
        stack.push_async_callback(store.close)
        await _ensure_keys(settings, store, clock.now())
        watch, metrics = Watch(), Metrics()
        for subscriber in (watch.notify, metrics.observe, logs.log_events):
            store.subscribe(subscriber)
        webhooks = await start_webhooks(stack, settings, store=store, clock=clock, observer=metrics)
        delivery, route = _delivery(stack, settings, profiles, store=store, clock=clock, finish=finish)
        worker = await _start_delivery(stack, settings, store=store, clock=clock, delivery=delivery, metrics=metrics)
        reach = Reach(one_way=settings.route.kind is not RouteKind.MX)
        store.subscribe(reach.observe)  # from here on: what the last process left open says nothing of the way out
        feedback = await start_feedback(stack, settings, mail, store=store, clock=clock, metrics=metrics)
        failing = partial(_failing, store, reach, clock)
        exposition = partial(_exposition, metrics, failing)
        services = Services(
            store=store,
            clock=clock,
            watch=watch,
            templates=composer.catalogue,
            limits=settings.rate_per_address,
            inbox=feedback.inbox,
            hand_over=worker.take,
            predicted_wait=route.predicted_wait,
            failing=failing,
            webhooks=webhooks,
            check=start_checks(stack, settings, store=store, clock=clock).check,
            sender_domain=settings.sender_domain,
            late=lambda: _late(feedback, webhooks),
            metrics=exposition,
        )
        doctor = start_doctor(stack, settings, clock=clock, metrics=metrics)
        observe_certificates(settings, metrics.observe_certificate)
        console = start_console(stack, settings, services, doctor=doctor, route=route)
        if own:
            await stack.enter_async_context(metrics_served(exposition, own))
        _log_start(settings)
        url = url_of(listener, settings)
        await serve(services, console, listener, settings, ready=partial(ready, Running(url, store)))
    log.info("service.stopped")


def _delivery(
    stack: AsyncExitStack,
    settings: Settings,
    profiles: Sequence[Profile],
    *,
    store: Store,
    clock: Clock,
    finish: Finish,
) -> tuple[Delivery, Route]:
    """Return what runs attempts, and the first route."""
    classifier = rules.load()
    make = partial(make_route, settings=settings, profiles=profiles, store=store, clock=clock, classifier=classifier)
    routes = [make(route) for route in (settings.route, settings.fallback_route) if route]
    for route in routes:
        stack.push_async_callback(route.close)
    delivery = Delivery(
        store=store,
        clock=clock,
        finish=finish,
        signers=stack.enter_context(ThreadPoolExecutor(SIGNERS, thread_name_prefix="signer")),
        classifier=classifier,
        route=routes[0],
        fallback=routes[1] if len(routes) > 1 else None,
        bounce_domain=settings.bounce_domain,
    )
    return delivery, routes[0]


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
        keep_reports=settings.keep_reports,
        observe=metrics.observe_queue,
        observe_addresses=metrics.observe_addresses,
    )
    await sweeper.close_abandoned()
    await sweeper.ring_all()
    stack.callback(asyncio.create_task(sweeper.run()).cancel)
    worker = Worker(store=store, clock=clock, queue=queue, delivery=delivery)
    worker.start()
    stack.push_async_callback(worker.stop)
    return worker


def _failing(store: Store, reach: Reach, clock: Clock) -> dict[str, str]:
    """Return what cannot work now, and why."""
    found = {"store": store.failing, "delivery": reach.problem(clock.now())}
    return {part: why for part, why in found.items() if why}


def _exposition(metrics: Metrics, failing: Callable[[], Mapping[str, str]]) -> bytes:
    metrics.observe_failing(failing())
    return metrics.exposition()


def _late(feedback: FeedbackRoom, webhooks: Webhooks) -> dict[str, str]:
    """Return what lags behind though codes go out, and by how much."""
    return feedback.late() | ({"webhooks": webhooks.problem} if webhooks.problem else {})


def _log_start(settings: Settings) -> None:
    """Log the start, in production with all settings; a developer's first screen is for the sample mail."""
    shown = settings.mode is Mode.PRODUCTION or settings.log is LogLevel.DEBUG
    log.info("service.started", **(dict(describe(settings)) if shown else {}))


def _prepare(settings: Settings) -> None:
    """Refuse what this version or this machine cannot give, and have the folders that are needed."""
    if settings.redis_url:
        raise StartError("MAILSVC_REDIS_URL: found an address, expected nothing: this version runs in one process")
    if not settings.database_url.startswith("sqlite:"):
        raise StartError(
            "MAILSVC_DATABASE_URL: found PostgreSQL, expected sqlite:///…: this version has no other store"
        )
    check_sources(settings)
    prepare_store(settings)
    make_folder("dkim_dir", settings.dkim_dir)


async def open_store(settings: Settings) -> Store:
    """Open the configured store."""
    try:
        return await Store.open(settings.database_url, Cipher(settings.secret_keys), Guide(settings.sender_domain))
    except GateLocked as error:
        raise StartError(str(error)) from None
    except StoreUnavailable as error:
        raise StartError(store_fault(error)) from None


async def _ensure_keys(settings: Settings, store: Store, now: float) -> None:
    secret = settings.api_key
    # A generated key has a name of its own: it must still work when the variable is taken away again.
    name = "MAILSVC_API_KEY" if stated("api_key") else "generated"
    if secret is not None:
        await store.write(lambda tx: keys.ensure(tx.connection, name, secret.reveal(), now))
    elif not any(key.revoked_at is None for key in await store.read(keys.every)):
        raise StartError(
            "MAILSVC_API_KEY: found nothing and no key in the store, expected one; or run: mailsvc keys new"
        )
