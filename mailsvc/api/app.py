"""The HTTP application: routes, refusals, the OpenAPI document and the page to read it."""

from collections.abc import Callable

from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse, Response

from mailsvc import __version__
from mailsvc.api import (
    addresses,
    checks,
    docs,
    events,
    health,
    keys,
    messages,
    openapi,
    problems,
    queries,
    reports,
    webhooks,
)
from mailsvc.api.caller import KeyCache
from mailsvc.api.services import Services
from mailsvc.store import StoreUnavailable
from mailsvc.store.events import CursorExpired


def create_app(services: Services) -> FastAPI:
    """Return the application over these services."""
    app = FastAPI(
        title="mailsvc",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(queries.each_once)],
    )
    app.state.services = services
    app.state.keys = KeyCache()
    for room in (messages, checks, addresses, reports, events, webhooks, keys, health, docs):
        app.include_router(room.router)
    problems.install(app)
    app.add_exception_handler(CursorExpired, events.on_cursor_expired)
    app.add_exception_handler(StoreUnavailable, _on_store_unavailable)
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]  # FastAPI's own way to replace it
    return app


def create_metrics_app(exposition: Callable[[], bytes]) -> FastAPI:
    """Return an application that has ``/metrics`` only, for whoever reaches it."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    problems.install(app)

    @app.get("/metrics")
    async def metrics() -> Response:
        return health.metrics_answer(exposition)

    return app


async def _on_store_unavailable(_request: object, _error: Exception) -> JSONResponse:
    detail = "the message store cannot write now; nothing was accepted"
    return problems.Problem("unavailable", detail, headers={"Retry-After": "2"}).response()
