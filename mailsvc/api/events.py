"""``/v1/events``: the log behind a cursor, with long poll (CONTRACT 3.6)."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from mailsvc.api.caller import Reader
from mailsvc.api.models import EventPage
from mailsvc.api.problems import Problem, invalid, responses
from mailsvc.api.queries import EventQuery
from mailsvc.api.services import services
from mailsvc.domain.event import EventType
from mailsvc.domain.view import event_view
from mailsvc.store import events

router = APIRouter(prefix="/v1/events", tags=["events"])


@router.get(
    "",
    response_model=EventPage,
    responses=responses("unauthorized", "forbidden", "request_header_too_large", "cursor_expired", "invalid_request"),
)
async def read_events(request: Request, _key: Reader, query: Annotated[EventQuery, Query()]) -> JSONResponse:
    """Read events in the order in which they became durable; nothing ever appears behind `next`."""
    svc = services(request)
    wanted = _types(query.types)
    until = asyncio.get_running_loop().time() + query.wait
    with svc.watch.on(None) as bell:
        while True:
            page = await svc.store.read(lambda connection: events.page(connection, query.after, wanted, query.limit))
            if page.events or not await bell.wait(until):
                break
    return JSONResponse({"events": [event_view(event) for event in page.events], "next": page.next, "log": page.log})


async def on_cursor_expired(_request: Request, error: Exception) -> JSONResponse:
    """Answer a cursor whose events are gone."""
    assert isinstance(error, events.CursorExpired)
    detail = "read the states you need from /v1/messages, then go on from `oldest`"
    return Problem("cursor_expired", detail, oldest=error.oldest).response()


def _types(text: str | None) -> list[EventType]:
    try:
        return [EventType(name.strip()) for name in text.split(",")] if text is not None else []
    except ValueError:
        raise invalid([("types", f"must be among {', '.join(EventType)}")]) from None
