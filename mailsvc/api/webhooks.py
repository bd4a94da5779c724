"""``/v1/webhooks``: how the endpoints are, what is parked, and to have it sent again (CONTRACT 3.6)."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from mailsvc.api.body import BODY_PROBLEMS, read_json, validate
from mailsvc.api.caller import Operator
from mailsvc.api.openapi import takes
from mailsvc.api.problems import Problem, invalid, responses
from mailsvc.api.queries import ParkedQuery
from mailsvc.api.services import services
from mailsvc.api.webhook_models import ParkedList, Replayed, ReplayRequest, WebhookList
from mailsvc.domain.identifier import instant_of
from mailsvc.domain.instant import rfc3339
from mailsvc.store import Transaction, actions
from mailsvc.store.actions import Action
from mailsvc.store.webhook_replay import Parked
from mailsvc.webhooks.hub import EndpointState, UnknownEndpoint

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
_ALWAYS = ("unauthorized", "forbidden", "request_header_too_large")


@router.get("", response_model=WebhookList, responses=responses(*_ALWAYS))
async def list_webhooks(request: Request, _key: Operator) -> JSONResponse:
    """List the endpoints, how far each has come, and what is wrong with it."""
    return JSONResponse({"webhooks": list(map(webhook_view, await services(request).webhooks.states()))})


@router.get("/parked", response_model=ParkedList, responses=responses(*_ALWAYS, "invalid_request"))
async def list_parked(request: Request, _key: Operator, query: Annotated[ParkedQuery, Query()]) -> JSONResponse:
    """List the events that are not tried any more, newest first; they are deleted with the log."""
    found, cursor = await services(request).webhooks.parked(query.url, before=query.cursor, limit=query.limit)
    return JSONResponse({"parked": [parked_view(url, one) for url, one in found], "next": cursor})


@router.post(
    "/replay",
    response_model=Replayed,
    responses=responses(*_ALWAYS, *BODY_PROBLEMS, "not_found", "cursor_expired", "unavailable"),
    openapi_extra=takes(ReplayRequest, required=False),
)
async def replay(request: Request, key: Operator) -> JSONResponse:
    """Send parked events again (all, or the one that `event` names), or with `after` everything behind a `seq`.

    For the endpoint that `url` names, else for all. What an endpoint has had before carries the same `webhook-id`.
    """
    svc = services(request)
    webhooks = svc.webhooks
    asked = validate(ReplayRequest, await read_json(request, optional=True))
    if asked.event is not None and asked.after is not None:
        raise invalid([("/after", "cannot be given beside `event`")])
    detail = asked.event if asked.after is None else f"after {asked.after}"

    def note(tx: Transaction, endpoint: str) -> None:
        actions.record(tx, key, Action.REPLAY, svc.clock.now(), subject=endpoint, detail=detail)

    try:
        if asked.after is not None:
            return JSONResponse({"events": await webhooks.rewind(asked.url, asked.after, beside=note)})
        count = await webhooks.requeue(asked.url, asked.event, beside=note)
    except UnknownEndpoint:
        raise Problem("not_found", "no endpoint of this url is configured") from None
    if asked.event is not None and not count:
        raise Problem("not_found", "no event of this id is parked")
    return JSONResponse({"events": count})


def webhook_view(state: EndpointState) -> dict[str, Any]:
    """Return an endpoint as operators read it."""
    failure = state.failure
    return {
        "url": state.known.url,
        "configured": state.known.configured,
        "cursor": state.known.cursor,
        "lag": round(state.lag, 3),
        "pending": state.backlog.waiting,
        "parked": state.backlog.parked,
        "last_failure": {"at": rfc3339(failure.at), "problem": failure.problem} if failure else None,
        "next_try_at": None if state.next_try_at is None else rfc3339(state.next_try_at),
    }


def parked_view(url: str, parked: Parked) -> dict[str, Any]:
    """Return a parked event as operators read it: what is personal is left to scope ``read``."""
    event = parked.event
    return {
        "id": parked.id,
        "url": url,
        "parked_at": rfc3339(instant_of(parked.id)),
        "tries": parked.tries,
        "problem": parked.problem,
        "event": {
            "seq": event.seq,
            "id": event.id,
            "type": event.type.value,
            "at": rfc3339(event.at),
            "message": event.message,
        },
    }
