"""Refusals as RFC 9457 problem documents; they name fields and limits, never values."""

import http
import re
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException

from mailsvc.api.models import AddressNote

MEDIA_TYPE = "application/problem+json"
log = structlog.get_logger(__name__)

#: Every problem type: its status and its title.
TYPES: dict[str, tuple[int, str]] = {
    "malformed": (400, "The request, or the JSON of its body, is not well-formed"),
    "unauthorized": (401, "No valid API key"),
    "forbidden": (403, "The API key lacks the scope"),
    "not_found": (404, "There is nothing here"),
    "method_not_allowed": (405, "This address does not take this method"),
    "timeout": (408, "The request did not arrive in time"),
    "address_undeliverable": (409, "The address cannot be reached"),
    "address_in_use": (409, "A mail to the address is on its way"),
    "cursor_expired": (410, "Events behind the cursor have been deleted"),
    "too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "The body is not of the type this address takes"),
    "invalid_request": (422, "A field is wrong"),
    "idempotency_conflict": (422, "The idempotency key was used for another body"),
    "rate_limited": (429, "Too many mails to this address"),
    "request_header_too_large": (431, "The head of the request is too large"),
    "internal": (500, "The service failed"),
    "overloaded": (503, "A code accepted now might not leave in time"),
    "unavailable": (503, "The service cannot accept messages now"),
}
#: Other names are not repeated: a caller that mixes up its parameters sends a value where a name belongs.
_NAME = re.compile(r"[a-z_]{1,40}")
#: What is wrong, where the words of the validating library would not do.
_WORDS = {
    "extra_forbidden": "is not a field of this request",
    "missing": "is missing",
    "string_pattern_mismatch": "has a control character",
}
_QUERY_WORDS = _WORDS | {
    "extra_forbidden": "is not a parameter of this request",
    "string_pattern_mismatch": "is nothing that an answer has given as `next`",
}
_BY_STATUS = {status: name for name, (status, _) in TYPES.items() if name != "idempotency_conflict"}


class FieldError(BaseModel):
    """What is wrong with one field."""

    pointer: str = Field(
        description="JSON pointer (RFC 6901) into the body, or the name of the parameter; `…` for no plain name"
    )
    detail: str


class ProblemDocument(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="`/problems/<name>`", examples=["/problems/invalid_request"])
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = None
    address: AddressNote | None = Field(default=None, description="What is wrong with an `address_undeliverable`")


class Problem(Exception):
    """A refusal; raise it anywhere below a route."""

    def __init__(
        self,
        name: str,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        """Take the name of a type, a sentence, ``(pointer, what is wrong)`` pairs and further members."""
        super().__init__(detail)
        self.name = name
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.members = members

    def response(self) -> JSONResponse:
        """Return the document as an answer."""
        status, title = TYPES[self.name]
        document: dict[str, Any] = {
            "type": f"/problems/{self.name}",
            "title": title,
            "status": status,
            "detail": self.detail,
            **self.members,
        }
        if self.errors:
            document["errors"] = [{"pointer": field, "detail": what} for field, what in self.errors]
        return JSONResponse(document, status, headers=self.headers, media_type=MEDIA_TYPE)


def invalid(errors: Sequence[tuple[str, str]]) -> Problem:
    """Return the refusal of a body whose fields are wrong."""
    detail = "; ".join(f"{field or 'the body'} {what}" for field, what in errors)
    return Problem("invalid_request", detail, errors=errors)


def invalid_model(error: ValidationError) -> Problem:
    """Return the refusal of a body that does not fit its model."""
    return invalid([(pointer(*item["loc"]), _sentence(item, _WORDS)) for item in error.errors(include_input=False)])


def pointer(*steps: int | str) -> str:
    """Return the JSON pointer (RFC 6901) of a field; a name that may be a value is ``…`` in it."""
    return "".join(f"/{plain(step) if isinstance(step, str) else step}" for step in steps)


def plain(name: str) -> str:
    """Return a name as it is where it looks like one, else ``…``."""
    return name if _NAME.fullmatch(name) else "…"


def responses(*names: str) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI descriptions of these problems."""
    described: dict[int | str, dict[str, Any]] = {}
    for name in names:
        status, title = TYPES[name]
        example = {"type": f"/problems/{name}", "title": title, "status": status, "detail": "…"}
        media = described.setdefault(status, {"description": title, "content": {MEDIA_TYPE: _media()}})
        media["content"][MEDIA_TYPE]["examples"][name] = {"value": example}
    return described


def install(app: FastAPI) -> None:
    """Have every failure of the application answered by a problem document."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(Exception, _on_exception)


async def _on_problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return error.response()


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    name = _BY_STATUS.get(error.status_code, "internal")
    detail = http.HTTPStatus(error.status_code).description or TYPES[name][1]
    headers = {"Allow": ", ".join(_methods(request))} if name == "method_not_allowed" else error.headers
    return Problem(name, detail, headers=headers).response()


def _methods(request: Request) -> list[str]:
    """Return the methods of every route at the request's path; the framework names those of the first route only."""
    routes = iter_route_contexts(request.app.routes)
    return sorted(
        {method for route in routes if route.path_regex.match(request.url.path) for method in route.methods or ()}
    )


async def _on_validation_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    wrong = [(plain(str(item["loc"][-1])), _sentence(item, _QUERY_WORDS)) for item in error.errors()]
    return invalid(wrong).response()


async def _on_exception(request: Request, error: Exception) -> JSONResponse:
    # No traceback in the log: its values may be a caller's. The type and the place are enough to find it.
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else ""
    log.error("api.failed", path=request.url.path, error=type(error).__name__, place=place)
    return Problem("internal", "the service failed; the log names the place").response()


def _media() -> dict[str, Any]:
    return {"schema": {"$ref": "#/components/schemas/ProblemDocument"}, "examples": {}}


def _sentence(item: ErrorDetails, words: Mapping[str, str]) -> str:
    message = item["msg"]
    return words.get(item["type"], message[:1].lower() + message[1:])
