"""The composition root: which rooms this process needs, built and wired, started and stopped in order.

A start that cannot succeed raises `StartError` with one line that says what to change.
"""

import asyncio
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
import uvicorn

from mailsvc.api.app import create_app
from mailsvc.api.services import Services, Watch
from mailsvc.clock import Clock
from mailsvc.delivery.deliver import Delivery, Finish
from mailsvc.delivery.routes import CaptureRoute, Route, SmtpRoute
from mailsvc.delivery.smtp_client import Credentials
from mailsvc.delivery.sweeper import Sweeper
from mailsvc.delivery.tls import TlsPolicy
from mailsvc.delivery.worker import Worker
from mailsvc.domain.message import Message
from mailsvc.domain.secret import Secret
from mailsvc.queue import LocalQueue
from mailsvc.settings import Mode, RouteKind, RouteTls, Settings, describe
from mailsvc.settings import Route as RouteSetting
from mailsvc.signing.key import DkimKeyError
from mailsvc.signing.keys import KeyRing
from mailsvc.signing.signer import Signer
from mailsvc.signing.verify import self_test
from mailsvc.store import Cipher, GateLocked, Store, keys
from mailsvc.telemetry import logs
from mailsvc.telemetry.metrics import Metrics
from mailsvc.templates import Brand, BrandError, Catalogue, Composer, TemplateError, check_bytes

#: Threads that sign; RSA lets the interpreter go on meanwhile.
SIGNERS = 2
#: Seconds that open requests get at a stop.
HTTP_DRAIN = 5
_TLS = {
    RouteTls.NONE: TlsPolicy.NONE,
    RouteTls.STARTTLS: TlsPolicy.REQUIRED,
    RouteTls.IMPLICIT: TlsPolicy.IMPLICIT,
}

log = structlog.get_logger(__name__)


class StartError(Exception):
    """The service cannot start; the message is one line for the operator."""


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
    clock = Clock()
    composer, finish = mail_room(settings, clock.now())
    async with AsyncExitStack() as stack:  # what is started last is stopped first
        listener = stack.enter_context(_listen(settings))
        store = await open_store(settings)
        stack.push_async_callback(store.close)
        await _ensure_keys(settings, store, clock.now())
        watch, metrics = Watch(), Metrics()
        for subscriber in (watch.notify, metrics.observe, logs.log_events):
            store.subscribe(subscriber)
        worker = await _start_delivery(stack, settings, store=store, clock=clock, finish=finish, metrics=metrics)
        services = Services(
            store=store,
            clock=clock,
            watch=watch,
            templates=composer.catalogue,
            limits=settings.rate_per_address,
            hand_over=worker.take,
            predicted_wait=worker.predicted_wait,
            failing=lambda: {"store": store.failing} if store.failing else {},
            metrics=metrics.exposition,
        )
        log.info("service.started", **dict(describe(settings)))
        url = _url(listener, settings)
        await _serve(services, listener, settings, ready=partial(ready, Running(url, store)))
    log.info("service.stopped")


async def _start_delivery(
    stack: AsyncExitStack,
    settings: Settings,
    *,
    store: Store,
    clock: Clock,
    finish: Finish,
    metrics: Metrics,
) -> Worker:
    """Start what hands mails over, taking up first what the last process left open."""
    queue = LocalQueue(clock.now)
    route = make_route(settings.route, settings)
    stack.push_async_callback(route.close)
    delivery = Delivery(
        store=store,
        clock=clock,
        finish=finish,
        signers=stack.enter_context(ThreadPoolExecutor(SIGNERS, thread_name_prefix="signer")),
        route=route,
        bounce_domain=settings.bounce_domain,
    )
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


def mail_room(settings: Settings, now: float) -> tuple[Composer, Finish]:
    """Return the composer, and what composes, signs and checks a mail; both have passed their self-test."""
    composer = make_composer(settings, now)
    sender = settings.sender.wire
    try:
        signer = _signer(settings, now)
        sample = composer.sample("login_code", "ja", now)
        self_test(signer, sample.headers, sample.body, now=now)
    except DkimKeyError as error:
        raise StartError(str(error)) from None

    def finish(message: Message) -> bytes:
        mail = composer.compose(message)
        signature = signer.sign(mail.headers, mail.body, at=message.accepted_at, expires=message.expires_at)
        raw = signature + mail.raw
        check_bytes(raw, message, sender)
        return raw

    return composer, finish


def make_composer(settings: Settings, now: float) -> Composer:
    """Return the composer of the configured brand, its templates checked."""
    try:
        brand = Brand(
            name=settings.brand_name,
            registration=settings.brand_registration,
            associations=settings.brand_associations,
            contact=settings.brand_contact,
        )
        catalogue = Catalogue.load([settings.templates] if settings.templates else [])
        composer = Composer(catalogue, brand, settings.sender.wire, settings.sender_name)
        composer.self_check(now)
    except BrandError as error:
        field, _, problem = str(error).partition(" ")
        variable = field if field.startswith("sender") else f"brand_{field}"
        raise StartError(f"MAILSVC_{variable.upper()}: found a value that {problem}") from None
    except TemplateError as error:
        raise StartError(str(error)) from None
    return composer


async def open_store(settings: Settings) -> Store:
    """Open the configured store."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return await Store.open(settings.database_url, Cipher(settings.secret_keys))
    except GateLocked as error:
        raise StartError(str(error)) from None


def make_route(route: RouteSetting, settings: Settings) -> Route:
    """Return the way out that a setting names."""
    if route.kind is RouteKind.CAPTURE:
        return CaptureRoute(settings.data_dir / "capture")
    if route.kind is RouteKind.MX:
        raise StartError("MAILSVC_ROUTE: found mx, which this version does not deliver to yet; expected smtp://…")
    credentials = Credentials(Secret(route.user), route.password) if route.user and route.password else None
    return SmtpRoute(route.host, route.port, helo=settings.helo, tls=_TLS[route.tls], credentials=credentials)


def _signer(settings: Settings, now: float) -> Signer:
    ring = KeyRing(settings.dkim_dir, settings.sender_domain)
    if not ring.active() and settings.mode is Mode.DEVELOPMENT:
        ring.activate(ring.new("rsa-sha256", now).selector, published=None)
    return Signer(ring.active(), settings.sender_domain)


async def _ensure_keys(settings: Settings, store: Store, now: float) -> None:
    secret = settings.api_key
    if secret is not None:
        await store.write(lambda tx: keys.ensure(tx.connection, "MAILSVC_API_KEY", secret.reveal(), now))
    elif not any(key.revoked_at is None for key in await store.read(keys.every)):
        raise StartError(
            "MAILSVC_API_KEY: found nothing and no key in the store, expected one; or run: mailsvc keys new"
        )


def _listen(settings: Settings) -> socket.socket:
    host, port = settings.http
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512, reuse_port=False
        )
    except OSError as error:
        raise StartError(
            f"MAILSVC_HTTP: found {settings.http}, where this process cannot listen: {error.strerror}"
        ) from None


def _url(listener: socket.socket, settings: Settings) -> str:
    host, port = listener.getsockname()[:2]
    scheme = "https" if settings.http_tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: this process stops more than HTTP."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(
    services: Services, listener: socket.socket, settings: Settings, *, ready: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """Answer requests until a signal; then let the open ones end."""
    config = uvicorn.Config(
        create_app(services),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=HTTP_DRAIN,
        ssl_certfile=settings.http_tls.certificate if settings.http_tls else None,
        ssl_keyfile=settings.http_tls.key if settings.http_tls else None,
    )
    try:
        config.load()
    except (ssl.SSLError, OSError) as error:
        raise StartError(f"MAILSVC_HTTP_TLS: found files that make no certificate: {error}") from None
    server = _Server(config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    announcing = asyncio.create_task(ready())
    await asyncio.wait([serving, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
    services.watch.close()
    server.should_exit = True
    announcing.cancel()
    await serving
