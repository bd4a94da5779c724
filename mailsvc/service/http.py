"""The HTTP listener: its socket, its certificate, its end."""

import asyncio
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mailsvc.api.app import create_app
from mailsvc.api.services import Services
from mailsvc.service.failure import StartError
from mailsvc.settings import Settings

#: Seconds that the head of a request may take to arrive.
HEAD_PATIENCE = 5.0
#: Seconds that open requests get at a stop.
HTTP_DRAIN = 5


def listen(settings: Settings) -> socket.socket:
    """Return the socket the HTTP surface listens on; raise `StartError` where it cannot."""
    host, port = settings.http
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512, reuse_port=False
        )
    except OSError as error:
        raise StartError(
            f"MAILSVC_HTTP: found {settings.http}, where this process cannot listen: {error.strerror}"
        ) from None


def url_of(listener: socket.socket, settings: Settings) -> str:
    """Return where a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    scheme = "https" if settings.http_tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol, with a limit on how long the head of a request may take to arrive."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own types
        super().connection_made(transport)
        self._await_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        self._head_is_here()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_PATIENCE, self.transport.close)

    def _head_is_here(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: this process stops more than HTTP."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    services: Services, listener: socket.socket, settings: Settings, *, ready: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """Answer requests until a signal; then let the open ones end."""
    config = uvicorn.Config(
        create_app(services),
        http=_Protocol,
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
