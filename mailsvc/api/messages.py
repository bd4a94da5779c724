"""``/v1/messages``: submit, read, list, cancel, used (CONTRACT 3.1 and 3.2)."""

import asyncio
import math
import random
import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from mailsvc.api.body import BODY_PROBLEMS, canonical, instant, read_json, validate
from mailsvc.api.caller import MessageReader, Submitter, sees
from mailsvc.api.models import Accepted, EmptyRequest, MessageList, MessageView, SubmitRequest, UsedRequest
from mailsvc.api.openapi import takes
from mailsvc.api.problems import Problem, invalid, responses
from mailsvc.api.queries import MessageQuery, WaitQuery
from mailsvc.api.services import WAIT_MAX, Services, services
from mailsvc.api.submission import submission
from mailsvc.domain.access import ApiKey, Scope
from mailsvc.domain.message import Message
from mailsvc.store import Connection, Transaction, idempotency, lifecycle, messages
from mailsvc.store.address_states import AddressUndeliverable
from mailsvc.store.idempotency import Claim, IdempotencyConflict
from mailsvc.store.submit import RateLimited, submit

router = APIRouter(prefix="/v1/messages", tags=["messages"])

_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")
_ALWAYS = ("unauthorized", "forbidden", "request_header_too_large")
#: A caller's clock may be wrong by so much (seconds).
_SKEW = 24 * 3600.0


@router.post(
    "",
    status_code=202,
    response_model=Accepted,
    responses=responses(
        *_ALWAYS,
        *BODY_PROBLEMS,
        "address_undeliverable",
        "idempotency_conflict",
        "rate_limited",
        "overloaded",
        "unavailable",
    ),
    openapi_extra=takes(SubmitRequest, idempotent=True),
)
async def submit_message(request: Request, key: Submitter) -> JSONResponse:
    """Accept a mail: it is durable when this answers, and on its way.

    `Idempotency-Key` (1 to 255 visible ASCII characters): the same key and body within 24 hours of a 202 gives that
    202 again, marked `Idempotent-Replay: true`, and no second mail.

    An address that is known to be undeliverable is refused with `address_undeliverable`, whose `address` says what to
    tell the customer. One submit an hour is let through as proof, and any with `force`.
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
    except AddressUndeliverable as error:
        detail = "mails to this address came back; offer the customer another way, or submit with `force`"
        raise Problem("address_undeliverable", detail, address=error.note) from None
    except IdempotencyConflict:
        raise _conflict() from None
    if done.message:
        svc.hand_over(done.message)
    return _accepted(done.answer, replay=done.message is None)


@router.get(
    "",
    response_model=MessageList,
    responses=responses(*_ALWAYS, "invalid_request"),
)
async def list_messages(request: Request, key: MessageReader, query: Annotated[MessageQuery, Query()]) -> JSONResponse:
    """List messages, newest first; a key without scope `read` sees its own."""
    filters = query.model_dump(include={"challenge", "customer", "reference"}, exclude_none=True)
    if Scope.READ not in key.scopes:
        filters["api_key"] = key.id
    svc = services(request)
    now = svc.clock.now()

    def read(connection: Connection) -> list[dict[str, Any]]:
        limit = query.limit + 1
        return messages.page(connection, filters, svc.store.guide, now, before=query.cursor, limit=limit)

    found = await svc.store.read(read)
    more = len(found) > query.limit
    return JSONResponse({"messages": found[: query.limit], "next": found[query.limit - 1]["id"] if more else None})


@router.get(
    "/{message_id}",
    response_model=MessageView,
    responses=responses(*_ALWAYS, "not_found", "invalid_request"),
)
async def read_message(
    request: Request,
    key: MessageReader,
    message_id: str,
    query: Annotated[WaitQuery, Query()],
) -> JSONResponse:
    """Read a message; with `wait` the answer is held until its state is final."""
    svc = services(request)
    until = asyncio.get_running_loop().time() + query.wait
    with svc.watch.on(message_id) as bell:
        message, view = await _visible(svc, key, message_id)
        while not message.state.final and await bell.wait(until):
            message, view = await _visible(svc, key, message_id)
    return JSONResponse(view)


@router.post(
    "/{message_id}/cancel",
    response_model=MessageView,
    responses=responses(*_ALWAYS, *BODY_PROBLEMS, "not_found", "unavailable"),
    openapi_extra=takes(EmptyRequest, required=False),
)
async def cancel_message(request: Request, key: Submitter, message_id: str) -> JSONResponse:
    """Cancel a message that is not handed over yet; one that is final stays as it is."""
    svc = services(request)
    validate(EmptyRequest, await read_json(request, optional=True))
    now = svc.clock.now()
    return await _change(svc, key, message_id, lambda tx, _message: lifecycle.cancel(tx, message_id, now))


@router.post(
    "/{message_id}/used",
    response_model=MessageView,
    responses=responses(*_ALWAYS, *BODY_PROBLEMS, "not_found", "unavailable"),
    openapi_extra=takes(UsedRequest, required=False),
)
async def use_message(request: Request, key: Submitter, message_id: str) -> JSONResponse:
    """Report that the customer entered the code; the first report counts."""
    svc = services(request)
    asked = validate(UsedRequest, await read_json(request, optional=True))
    now = svc.clock.now()
    at = now if asked.at is None else _instant(asked.at)

    def use(tx: Transaction, message: Message) -> Message:
        if not message.accepted_at - _SKEW <= at <= now + _SKEW:
            raise invalid([("/at", "is no time since the message was accepted (a day of clock error is allowed)")])
        return lifecycle.use(tx, message_id, at, now)

    return await _change(svc, key, message_id, use)


async def _change(
    svc: Services, key: ApiKey, message_id: str, work: Callable[[Transaction, Message], Message]
) -> JSONResponse:
    def change(tx: Transaction) -> dict[str, Any]:
        message = messages.get(tx.connection, message_id)
        if message is None or message.api_key != key.id:
            raise _not_found()
        return messages.view(tx.connection, work(tx, message), svc.store.guide, svc.clock.now())

    return JSONResponse(await svc.store.write(change))


async def _visible(svc: Services, key: ApiKey, message_id: str) -> tuple[Message, dict[str, Any]]:
    def read(connection: Connection) -> tuple[Message, dict[str, Any]] | None:
        message = messages.get(connection, message_id)
        if message is None or not sees(key, message):
            return None
        return message, messages.view(connection, message, svc.store.guide, svc.clock.now())

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
    stated = request.headers.getlist("idempotency-key")
    if not stated:
        return None
    if len(stated) > 1 or not _IDEMPOTENCY_KEY.fullmatch(stated[0]):
        raise invalid([("Idempotency-Key", "must be one key of 1 to 255 visible ASCII characters")])
    return Claim(key.id, stated[0], canonical(document))


def _check_capacity(svc: Services) -> None:
    if svc.overloaded:
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
        return instant(text)
    except ValueError as error:
        raise invalid([("/at", str(error))]) from None


def _conflict() -> Problem:
    return Problem("idempotency_conflict", "this Idempotency-Key has answered another body; use a new key")


def _not_found() -> Problem:
    return Problem("not_found", "there is no such message for this key")
