"""The OpenAPI document: the routes' own, plus the bodies that ``body.read_json`` reads."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from mailsvc import __version__
from mailsvc.api.address_models import AddressRequest, ClearRequest
from mailsvc.api.check_models import CheckRequest
from mailsvc.api.models import EmptyRequest, NewKeyRequest, SubmitRequest, UsedRequest
from mailsvc.api.problems import ProblemDocument
from mailsvc.api.webhook_models import ReplayRequest

_DESCRIPTION = """Login codes by e-mail, on time or not at all.

Every refusal is an RFC 9457 problem document (`application/problem+json`) that names the fields and never repeats their
values. Instants are RFC 3339 in UTC.
"""
_FRAMEWORK_ERROR = "HTTPValidationError"
_REF = "#/components/schemas/{model}"
_BODIES: tuple[type[BaseModel], ...] = (
    SubmitRequest,
    UsedRequest,
    AddressRequest,
    ClearRequest,
    CheckRequest,
    EmptyRequest,
    NewKeyRequest,
    ReplayRequest,
    ProblemDocument,
)


def takes(model: type[BaseModel], *, required: bool = True, idempotent: bool = False) -> dict[str, Any]:
    """Return the description of a route's JSON body, and of its idempotency key."""
    schema = {"$ref": _REF.format(model=model.__name__)}
    described: dict[str, Any] = {
        "requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}
    }
    if idempotent:
        key = {"type": "string", "pattern": "^[!-~]{1,255}$"}
        described["parameters"] = [{"name": "Idempotency-Key", "in": "header", "required": False, "schema": key}]
    return described


def takes_mail(media_type: str, recipient_header: str) -> dict[str, Any]:
    """Return the description of a route's body that is a raw mail, and of the header that names its recipient."""
    mail = {media_type: {"schema": {"type": "string", "format": "binary", "minLength": 1}}}
    recipient = {"type": "string", "pattern": "^[!-~]{1,320}$"}
    return {
        "requestBody": {"required": True, "content": mail},
        "parameters": [{"name": recipient_header, "in": "header", "required": False, "schema": recipient}],
    }


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of an application, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="mailsvc", version=__version__, description=_DESCRIPTION, routes=app.routes, tags=_TAGS
        )
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        for model in _BODIES:
            schema = model.model_json_schema(ref_template=_REF)
            schemas.update(schema.pop("$defs", {}))
            schemas[model.__name__] = schema
        for unused in (_FRAMEWORK_ERROR, "ValidationError"):
            schemas.pop(unused, None)
        for operation in (operation for path in made["paths"].values() for operation in path.values()):
            _open_alternatives(operation)
            _drop_framework_error(operation)
        app.openapi_schema = made
    return app.openapi_schema


def _open_alternatives(operation: dict[str, Any]) -> None:
    """Have a key with any of the scopes do, where the framework says that it takes all of them."""
    if stated := operation.get("security"):
        operation["security"] = [
            {scheme: [scope]} for requirement in stated for scheme, scopes in requirement.items() for scope in scopes
        ]


def _drop_framework_error(operation: dict[str, Any]) -> None:
    """Leave out the refusal that the framework adds to every route with a parameter; ours are problems."""
    if _FRAMEWORK_ERROR in str(operation["responses"].get("422")):
        del operation["responses"]["422"]


_TAGS = [
    {"name": "messages", "description": "Submit codes and notices and follow them. Scopes `submit`, `read`."},
    {"name": "checks", "description": "Can this address receive? For registration forms. Scope `check`."},
    {"name": "addresses", "description": "What is known of recipients. Scopes `read`, `operate`."},
    {"name": "reports", "description": "Bounces and complaints that came in. Scope `operate`."},
    {"name": "events", "description": "What happened, in order. Scope `read`."},
    {"name": "webhooks", "description": "The log, pushed: how the endpoints are, and replay. Scope `operate`."},
    {"name": "keys", "description": "API keys. Scope `operate`."},
    {"name": "health", "description": "For load balancers and monitoring."},
]
