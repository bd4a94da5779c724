"""``/v1/messages``: submit, read, list, cancel, used (CONTRACT 3.1 and 3.2)."""

import asyncio
import math
import random
import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from mailsvc.api.body import canonical, read_json, validate
from mailsvc.api.caller import MessageReader, Submitter, sees
from mailsvc.api.models import Accepted, MessageList, MessageView, SubmitRequest, UsedRequest
from mailsvc.api.openapi import takes
from mailsvc.api.problems import Problem, invalid, responses
from mailsvc.api.services import Services, services
from mailsvc.api.submission import submission
from mailsvc.domain.access import ApiKey, Scope
from mailsvc.domain.instant import parse_rfc3339
from mailsvc.domain.message import Message
from mailsvc.store import Connection, Transaction, idempotency, lifecycle, messages
from mailsvc.store.idempotency import Claim, IdempotencyConflict
from mailsvc.store.submit import RateLimited, submit

router = APIRouter(prefix="/v1/messages", tags=["messages"])

#: A code that would wait longer than this for its first attempt is not accepted (seconds).
WAIT_MAX = 10.0
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")
_COMMON = responses("malformed", "unauthorized", "forbidden", "too_large", "unsupported_media_type", "unavailable")


@router.post(
    "",
    status_code=202,
    response_model=Accepted,
    responses=_COMMON | responses("invalid_request", "idempotency_conflict", "rate_limited", "overloaded", "timeout"),
    openapi_extra=takes(SubmitRequest, idempotent=True),
)
async def submit_message(request: Request, key: Submitter) -> JSONResponse:
    """Accept a mail: it is durable when this answers, and on its way.

    `Idempotency-Key` (1 to 255 visible ASCII characters): the same key and body within 24 hours of a 202 gives that
    202 again, marked `Idempotent-Replay: true`, and no second mail.
    """
    svc = services(request)
    document = await read_json(request)
    claim = _claim(request, key, document)
    if claim and (answer := await _earlier_answer(svc, claim)):
        return _accepted(answer, replay=True)
    asked = submission(validate(SubmitRequest, document), svc.templates, key, svc.clock.now())
    _check_capacity(svc)
    try:
        done = await svc.store.write(lambda tx: submit(tx, asked, svc.limits, claim))
    except RateLimited as error:
        seconds = math.ceil(error.seconds)
        raise Problem(
            "rate_limited",
            f"this address had as many mails as it may have; the next one fits in {seconds} s",
            headers={"Retry-After": str(seconds)},
        ) from None
    except IdempotencyConflict:
        raise _conflict() from None
    if done.message:
        svc.hand_over(done.message)
    return _accepted(done.answer, replay=done.message is None)


@router.get(
    "",
    response_model=MessageList,
    responses=responses("unauthorized", "forbidden", "invalid_request"),
)
async def list_messages(  # noqa: PLR0917  one parameter of the query each
    request: Request,
    key: MessageReader,
    challenge: str | None = None,
    customer: str | None = None,
    reference: str | None = None,
    cursor: Annotated[str | None, Query(description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> JSONResponse:
    """List messages, newest first; a key without scope `read` sees its own."""
    filters = {"challenge": challenge, "customer": customer, "reference": reference}
    if Scope.READ not in key.scopes:
        filters["api_key"] = key.id
    given = {name: value for name, value in filters.items() if value is not None}
    found = await services(request).store.read(
        lambda connection: messages.page(connection, given, before=cursor, limit=limit + 1)
    )
    more = len(found) > limit
    return JSONResponse({"messages": found[:limit], "next": found[limit - 1]["id"] if more else None})


@router.get(
    "/{message_id}",
    response_model=MessageView,
    responses=responses("unauthorized", "forbidden", "not_found", "invalid_request"),
)
async def read_message(
    request: Request,
    key: MessageReader,
    message_id: str,
    wait: Annotated[float, Query(ge=0, le=60, description="Seconds to hold the answer until the state is final")] = 0,
) -> JSONResponse:
    """Read a message; with `wait` the answer is held until its state is final."""
    svc = services(request)
    until = asyncio.get_running_loop().time() + wait
    with svc.watch.on(message_id) as bell:
        message, view = await _visible(svc, key, message_id)
        while not message.state.final and await bell.wait(until):
            message, view = await _visible(svc, key, message_id)
    return JSONResponse(view)


@router.post(
    "/{message_id}/cancel",
    response_model=MessageView,
    responses=responses("unauthorized", "forbidden", "not_found", "unavailable"),
)
async def cancel_message(request: Request, key: Submitter, message_id: str) -> JSONResponse:
    """Cancel a message that is not handed over yet; one that is final stays as it is."""
    svc = services(request)
    now = svc.clock.now()
    return await _change(svc, key, message_id, lambda tx: lifecycle.cancel(tx, message_id, now))


@router.post(
    "/{message_id}/used",
    response_model=MessageView,
    responses=_COMMON | responses("not_found", "invalid_request"),
    openapi_extra=takes(UsedRequest, required=False),
)
async def use_message(request: Request, key: Submitter, message_id: str) -> JSONResponse:
    """Report that the customer entered the code; the first report counts."""
    svc = services(request)
    now = svc.clock.now()
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    asked = validate(UsedRequest, await read_json(request) if has_body else {})
    at = now if asked.at is None else _instant(asked.at)
    return await _change(svc, key, message_id, lambda tx: lifecycle.use(tx, message_id, at, now))


async def _change(svc: Services, key: ApiKey, message_id: str, work: Callable[[Transaction], Message]) -> JSONResponse:
    def change(tx: Transaction) -> dict[str, Any]:
        message = messages.get(tx.connection, message_id)
        if message is None or message.api_key != key.id:
            raise _not_found()
        return messages.view(tx.connection, work(tx))

    return JSONResponse(await svc.store.write(change))


async def _visible(svc: Services, key: ApiKey, message_id: str) -> tuple[Message, dict[str, Any]]:
    def read(connection: Connection) -> tuple[Message, dict[str, Any]] | None:
        message = messages.get(connection, message_id)
        return (message, messages.view(connection, message)) if message and sees(key, message) else None

    found = await svc.store.read(read)
    if found is None:
        raise _not_found()
    return found


async def _earlier_answer(svc: Services, claim: Claim) -> dict[str, Any] | None:
    now = svc.clock.now()
    try:
        return await svc.store.read(lambda connection: idempotency.find(connection, svc.store.cipher, claim, now))
    except IdempotencyConflict:
        raise _conflict() from None


def _claim(request: Request, key: ApiKey, document: dict[str, Any]) -> Claim | None:
    stated = request.headers.get("idempotency-key")
    if stated is None:
        return None
    if not _IDEMPOTENCY_KEY.fullmatch(stated):
        raise invalid([("Idempotency-Key", "must be 1 to 255 visible ASCII characters")])
    return Claim(key.id, stated, canonical(document))


def _check_capacity(svc: Services) -> None:
    if svc.predicted_wait() > WAIT_MAX:
        # Random, so that refused callers do not come back all at once.
        seconds = random.randint(1, 5)  # noqa: S311
        raise Problem(
            "overloaded",
            f"a code accepted now would wait more than {WAIT_MAX:.0f} s; try again in {seconds} s",
            headers={"Retry-After": str(seconds)},
        )


def _accepted(answer: dict[str, Any], *, replay: bool) -> JSONResponse:
    headers = {"Location": f"/v1/messages/{answer['id']}"}
    return JSONResponse(answer, 202, headers=headers | ({"Idempotent-Replay": "true"} if replay else {}))


def _instant(text: str) -> float:
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise invalid([("/at", str(error))]) from None


def _conflict() -> Problem:
    return Problem("idempotency_conflict", "this Idempotency-Key has answered another body; use a new key")


def _not_found() -> Problem:
    return Problem("not_found", "there is no such message for this key")
