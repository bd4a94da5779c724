"""``/v1/keys``: API keys, for operators."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from mailsvc.api.body import BODY_PROBLEMS, read_json, validate
from mailsvc.api.caller import Operator
from mailsvc.api.models import EmptyRequest, KeyList, KeyView, NewKey, NewKeyRequest
from mailsvc.api.openapi import takes
from mailsvc.api.problems import Problem, invalid, responses
from mailsvc.api.services import services
from mailsvc.domain.access import ApiKey, scopes
from mailsvc.domain.instant import rfc3339
from mailsvc.store import Transaction, actions, keys
from mailsvc.store.actions import Action

router = APIRouter(prefix="/v1/keys", tags=["keys"])
_ALWAYS = ("unauthorized", "forbidden", "request_header_too_large")


@router.post(
    "",
    status_code=201,
    response_model=NewKey,
    responses=responses(*_ALWAYS, *BODY_PROBLEMS, "unavailable"),
    openapi_extra=takes(NewKeyRequest),
)
async def new_key(request: Request, operator: Operator) -> JSONResponse:
    """Make a key; its secret is shown this once."""
    svc = services(request)
    asked = validate(NewKeyRequest, await read_json(request))
    try:
        allowed = scopes(asked.scopes)
    except ValueError as error:
        raise invalid([("/scopes", str(error))]) from None
    now = svc.clock.now()

    def make(tx: Transaction) -> tuple[ApiKey, str]:
        made, secret = keys.new(tx.connection, asked.name, allowed, now)
        actions.record(tx, operator, Action.NEW_KEY, now, subject=made.id, detail=asked.name)
        return made, secret

    key, secret = await svc.store.write(make)
    return JSONResponse(key_view(key) | {"secret": secret}, 201)


@router.get("", response_model=KeyList, responses=responses(*_ALWAYS))
async def list_keys(request: Request, _key: Operator) -> JSONResponse:
    """List every key, revoked ones too."""
    return JSONResponse({"keys": [key_view(key) for key in await services(request).store.read(keys.every)]})


@router.post(
    "/{key_id}/revoke",
    response_model=KeyView,
    responses=responses(*_ALWAYS, *BODY_PROBLEMS, "not_found", "unavailable"),
    openapi_extra=takes(EmptyRequest, required=False),
)
async def revoke_key(request: Request, operator: Operator, key_id: str) -> JSONResponse:
    """Revoke a key, by id or name; it works for up to two more seconds."""
    svc = services(request)
    validate(EmptyRequest, await read_json(request, optional=True))
    now = svc.clock.now()

    def revoke(tx: Transaction) -> list[ApiKey]:
        revoked = keys.revoke(tx.connection, key_id, now)
        for key in revoked:
            actions.record(tx, operator, Action.REVOKE_KEY, now, subject=key.id, detail=key.name)
        return revoked

    revoked = await svc.store.write(revoke)
    if not revoked:
        raise Problem("not_found", "there is no living key of this id or name")
    return JSONResponse(key_view(revoked[0]) | {"revoked_at": rfc3339(now)})


def key_view(key: ApiKey) -> dict[str, Any]:
    """Return a key as the outside reads it."""
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": rfc3339(key.created_at),
        "revoked_at": None if key.revoked_at is None else rfc3339(key.revoked_at),
    }
