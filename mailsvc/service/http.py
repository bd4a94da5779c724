"""The HTTP listeners: their sockets, the certificate, their end."""

import asyncio
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from mailsvc.api.app import create_app, create_metrics_app
from mailsvc.api.services import Services
from mailsvc.console.page import ROOT
from mailsvc.service.failure import StartError
from mailsvc.service.protocol import BoundedProtocol
from mailsvc.settings import Settings

#: Seconds that open requests get at a stop.
HTTP_DRAIN = 5


def listen(variable: str, endpoint: tuple[str, int]) -> socket.socket:
    """Return a socket that listens where a variable says; raise `StartError` where it cannot."""
    host, port = endpoint
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512, reuse_port=False
        )
    except OSError as error:
        raise StartError(f"{variable}: found {endpoint}, where this process cannot listen: {error.strerror}") from None


def url_of(listener: socket.socket, settings: Settings) -> str:
    """Return where a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    scheme = "https" if settings.http_tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: this process stops more than HTTP."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    services: Services,
    console: ASGIApp,
    listener: socket.socket,
    settings: Settings,
    *,
    ready: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    """Answer requests until a signal; then let the open ones end."""
    config = _config(
        _beside(create_app(services), console),
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


@asynccontextmanager
async def metrics_served(exposition: Callable[[], bytes], listener: socket.socket) -> AsyncIterator[None]:
    """Answer ``/metrics`` on a listener of its own, without key, while the context lasts."""
    server = _Server(_config(create_metrics_app(exposition)))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _beside(api: ASGIApp, console: ASGIApp) -> ASGIApp:
    """Return both applications as one: each answers its own faults in its own form."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        await (console if path == ROOT or path.startswith(f"{ROOT}/") else api)(scope, receive, send)

    return app


def _config(app: ASGIApp, **more: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BoundedProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=HTTP_DRAIN,
        **more,
    )
