"""The application at ``/console``: its pages, its files, and the headers that every answer carries."""

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailsvc.console import actions, addresses, destinations, messages, overview, reports, system, webhooks
from mailsvc.console.access import Endpoint, anybody, asked, choose_language, done, failure, seen, sign_in, sign_out
from mailsvc.console.live import Live
from mailsvc.console.page import ROOT, Visit, assets
from mailsvc.console.services import Services

#: Every directive is named: nothing falls back to another one.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "connect")),
        *(f"{kind}-src 'none'" for kind in ("font", "media", "object", "frame", "child", "worker", "manifest")),
        *(f"{kind}-src-attr 'none'" for kind in ("script", "style")),
        *(f"{kind}-src-elem 'self'" for kind in ("script", "style")),
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def create_console(services: Services) -> Starlette:
    """Return the application over these services; its routes begin with ``/console``."""
    routes = [
        _get("/assets/{name}", _asset),
        _get("/sign-in", anybody(_sign_in_page)),
        _post("/sign-in", anybody(sign_in)),
        _post("/language", anybody(choose_language)),
        _post("/sign-out", asked(sign_out)),
        _get("", seen(overview.page)),
        _get("/live", seen(Live().stream)),
        _get("/destinations", seen(destinations.listing)),
        _get("/destinations/{name}", seen(destinations.page)),
        _get("/messages", seen(messages.listing)),
        _post("/messages", asked(messages.search)),
        _get("/messages/{id}", seen(messages.page)),
        _get("/addresses", seen(addresses.listing)),
        _get("/addresses/one", seen(addresses.page)),
        _post("/addresses/find", asked(addresses.find)),
        _post("/addresses/reveal", done(addresses.reveal)),
        _post("/addresses/clear", done(addresses.clear)),
        _post("/addresses/export", done(addresses.export)),
        _get("/reports", seen(reports.listing)),
        _post("/reports/retry", done(reports.retry)),
        _get("/webhooks", seen(webhooks.listing)),
        _post("/webhooks/replay", done(webhooks.replay)),
        _get("/sender", seen(system.sender)),
        _get("/settings", seen(system.settings)),
        _get("/actions", seen(actions.listing)),
    ]
    app = Starlette(
        routes=routes, exception_handlers={HTTPException: _on_http_exception}, middleware=[Middleware(_Headers)]
    )
    app.router.redirect_slashes = False
    app.state.services = services
    return app


def _get(path: str, endpoint: Endpoint) -> Route:
    return Route(ROOT + path, endpoint, methods=["GET"])


def _post(path: str, endpoint: Endpoint) -> Route:
    return Route(ROOT + path, endpoint, methods=["POST"])


async def _sign_in_page(visit: Visit) -> Response:
    return visit.render("sign_in", refused=False)


async def _asset(request: Request) -> Response:
    for asset in assets().values():
        if asset.path == request.url.path:
            headers = {"Cache-Control": "public, max-age=31536000, immutable"}
            return Response(asset.content, media_type=asset.media_type, headers=headers)
    raise HTTPException(404)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return failure(request, error.status_code)


class _Headers:
    """Puts the headers on every answer; what a page shows is stored nowhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)
