"""``/v1/addresses``: what is known of a recipient, the list of those with trouble, clear, forget (CONTRACT 3.5).

Addresses travel in bodies only: a URL stands in logs.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from mailsvc.api.address_models import AddressList, AddressRequest, AddressView, ClearRequest
from mailsvc.api.body import BODY_PROBLEMS, instant, read_json, validate
from mailsvc.api.caller import Operator, Reader
from mailsvc.api.openapi import takes
from mailsvc.api.problems import Problem, invalid, responses
from mailsvc.api.queries import AddressQuery
from mailsvc.api.services import services
from mailsvc.checks.address import parse_recipient
from mailsvc.domain.address import Address, AddressError
from mailsvc.domain.address_state import AddressState
from mailsvc.domain.identifier import earliest_id
from mailsvc.store import Transaction, actions, address_book, address_states
from mailsvc.store.actions import Action

router = APIRouter(prefix="/v1/addresses", tags=["addresses"])
_ALWAYS = ("unauthorized", "forbidden", "request_header_too_large")


@router.post(
    "/state",
    response_model=AddressView,
    responses=responses(*_ALWAYS, *BODY_PROBLEMS),
    openapi_extra=takes(AddressRequest),
)
async def read_state(request: Request, _key: Reader) -> JSONResponse:
    """Tell the state of an address, the evidence for it, and what a login screen may say about it."""
    svc = services(request)
    address = _address(validate(AddressRequest, await read_json(request)))
    now = svc.clock.now()
    return JSONResponse(
        await svc.store.read(lambda connection: address_book.state_of(connection, address, svc.store.guide, now))
    )


@router.post(
    "/clear",
    response_model=AddressView,
    responses=responses(*_ALWAYS, *BODY_PROBLEMS, "unavailable"),
    openapi_extra=takes(ClearRequest),
)
async def clear_state(request: Request, key: Operator) -> JSONResponse:
    """Clear the state of an address, whatever the evidence; answer its state then."""
    svc = services(request)
    asked = validate(ClearRequest, await read_json(request))
    address = _address(asked)
    now = svc.clock.now()

    def clear(tx: Transaction) -> dict[str, Any]:
        address_states.clear(tx, address.identity, asked.reason, now)
        actions.record(tx, key, Action.CLEAR, now, subject=address.masked, detail=asked.reason)
        return address_book.state_of(tx.connection, address, tx.guide, now)

    return JSONResponse(await svc.store.write(clear))


@router.post(
    "/forget",
    response_model=AddressView,
    responses=responses(*_ALWAYS, *BODY_PROBLEMS, "address_in_use", "unavailable"),
    openapi_extra=takes(AddressRequest),
)
async def forget_address(request: Request, key: Operator) -> JSONResponse:
    """Erase an address with its state, its evidence and the messages to it; events keep their retention.

    Refused while a mail to it is queued.
    """
    svc = services(request)
    address = _address(validate(AddressRequest, await read_json(request)))
    now = svc.clock.now()

    def forget(tx: Transaction) -> dict[str, Any]:
        address_book.forget(tx, address.identity, now)
        actions.record(tx, key, Action.FORGET, now, subject=address.masked)
        return address_book.state_of(tx.connection, address, tx.guide, now)

    try:
        return JSONResponse(await svc.store.write(forget))
    except address_book.AddressInUse:
        detail = "a mail to this address is queued; try again when its message is final"
        raise Problem("address_in_use", detail) from None


@router.get(
    "",
    response_model=AddressList,
    responses=responses(*_ALWAYS, "invalid_request"),
)
async def list_addresses(request: Request, _key: Reader, query: Annotated[AddressQuery, Query()]) -> JSONResponse:
    """List the addresses with which something is wrong, in full, in the order of their last change."""
    svc = services(request)
    state = _state(query.state)
    after = query.cursor or ("" if query.changed_after is None else _since(query.changed_after))
    now = svc.clock.now()
    found, cursor = await svc.store.read(
        lambda connection: address_book.flagged(
            connection, svc.store.guide, now, state=state, after=after, limit=query.limit
        )
    )
    return JSONResponse({"addresses": found, "next": cursor})


def _address(asked: AddressRequest) -> Address:
    try:
        return parse_recipient(asked.address)
    except AddressError as error:
        raise invalid([("/address", str(error))]) from None


def _state(name: str | None) -> AddressState | None:
    flagged = [state for state in AddressState if state.flagged]
    if name is not None and name not in flagged:
        raise invalid([("state", f"must be among {', '.join(flagged)}")])
    return None if name is None else AddressState(name)


def _since(text: str) -> str:
    try:
        return earliest_id("adr", instant(text))
    except ValueError as error:
        raise invalid([("changed_after", str(error))]) from None
