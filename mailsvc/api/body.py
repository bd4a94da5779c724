"""JSON bodies, read strictly: bounded in size and time, UTF-8, no duplicate keys, nothing but JSON's own numbers."""

import asyncio
import json
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from mailsvc.api.problems import Problem, invalid, invalid_model
from mailsvc.domain.instant import parse_rfc3339, rfc3339

#: Octets of a body at most (CONTRACT 3).
LIMIT = 16 * 1024
#: Seconds a body may take to arrive.
PATIENCE = 5.0

#: How a body can be refused, by the names of the problems.
BODY_PROBLEMS = ("malformed", "timeout", "too_large", "unsupported_media_type", "invalid_request")

Model = TypeVar("Model", bound=BaseModel)


async def read_json(request: Request, *, optional: bool = False) -> dict[str, Any]:
    """Return the object a request carries; raise the `Problem` that says why it is none.

    An ``optional`` body may be empty: then it counts as ``{}``, whatever type it is said to have.
    """
    body = await read_body(request, LIMIT)
    if optional and not body:
        return {}
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem("unsupported_media_type", "send the body as application/json")
    document = parse(body)
    if not isinstance(document, dict):
        raise invalid([("", "must be a JSON object")])
    return document


async def read_body(request: Request, limit: int) -> bytes:
    """Return the octets of a body of at most ``limit``."""
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    # The connection stays, and the server skips the rest: a close would cut off the answer.
                    raise Problem("too_large", f"a body has at most {limit} octets")
    except TimeoutError:
        detail = f"the body must arrive within {PATIENCE:.0f} s"
        raise Problem("timeout", detail, headers={"Connection": "close"}) from None
    return bytes(body)


def parse(body: bytes) -> Any:
    """Read one JSON document; raise `Problem` ``malformed`` for anything else."""
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
        canonical(document)  # a lone surrogate is no Unicode text
    except (ValueError, RecursionError) as error:
        reason = error.args[0] if isinstance(error, _Refused) else "it is not well-formed JSON in UTF-8"
        raise Problem("malformed", f"the body cannot be read: {reason}") from None
    return document


def canonical(document: Any) -> bytes:
    """Return the one spelling of a document, whatever its blanks and the order of its keys."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def validate(model: type[Model], document: dict[str, Any]) -> Model:
    """Check an object against its model; raise `Problem` ``invalid_request`` naming each wrong field."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise invalid_model(error) from None


def instant(text: str) -> float:
    """Read an instant; raise `ValueError`, whose message never repeats it."""
    try:
        at = parse_rfc3339(text)
        rfc3339(at)  # what cannot be written in UTC cannot be answered either
    except (ValueError, OverflowError):
        raise ValueError("must be an RFC 3339 date-time with an offset") from None
    return at


class _Refused(ValueError):
    """JSON that we do not take; the text is ours."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused("an object has the same key twice")
    return found


def _no_constant(_name: str) -> None:
    raise _Refused("NaN and Infinity are not JSON")
