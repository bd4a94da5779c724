"""``/healthz``, ``/readyz`` and ``/metrics``."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from mailsvc.api.caller import Operator
from mailsvc.api.models import Alive, Readiness
from mailsvc.api.problems import responses
from mailsvc.api.services import WAIT_MAX, services

router = APIRouter(tags=["health"])


# Load balancers ask with HEAD; the server leaves the body out.
@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", response_model=Alive)
async def healthz() -> JSONResponse:
    """Tell that the process runs."""
    return JSONResponse({"status": "ok"})


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness, "description": "Not ready"}})
async def readyz(request: Request) -> JSONResponse:
    """Tell whether codes can be accepted and delivered now, and what cannot work."""
    svc = services(request)
    failing = dict(svc.failing())
    if svc.overloaded:
        failing["delivery"] = f"a code accepted now would wait more than {WAIT_MAX:.0f} s for its first attempt"
    return JSONResponse({"ready": not failing, "failing": failing, "late": dict(svc.late())}, 503 if failing else 200)


@router.get(
    "/metrics", response_class=Response, responses=responses("unauthorized", "forbidden", "request_header_too_large")
)
async def metrics(request: Request, _key: Operator) -> Response:
    """Return the metrics in Prometheus' text format."""
    return metrics_answer(services(request).metrics)


def metrics_answer(exposition: Callable[[], bytes]) -> Response:
    """Return an exposition as an answer."""
    return Response(exposition(), media_type=CONTENT_TYPE_LATEST)
