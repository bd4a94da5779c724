"""What tests of the HTTP surface share: problems and their shape, keys of one scope, requests octet by octet."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2

from tests.support.service import API_KEY, Service

#: The status of each problem, as CONTRACT 3 and 3.1 give it.
STATUS = {
    "malformed": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "timeout": 408,
    "address_undeliverable": 409,
    "address_in_use": 409,
    "cursor_expired": 410,
    "too_large": 413,
    "unsupported_media_type": 415,
    "invalid_request": 422,
    "idempotency_conflict": 422,
    "rate_limited": 429,
    "request_header_too_large": 431,
    "overloaded": 503,
    "unavailable": 503,
}
AUTHORIZED = f"Authorization: Bearer {API_KEY}\r\n".encode()


def problem(response: httpx2.Response, name: str) -> dict[str, Any]:
    """Assert that an answer is the problem ``name`` in the shape of RFC 9457; return the document."""
    assert response.status_code == STATUS[name], response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["type"] == f"/problems/{name}"
    assert document["status"] == response.status_code
    assert document["title"]
    assert document["detail"]
    return document


def pointers(response: httpx2.Response) -> set[str]:
    """Return which fields an answer calls wrong; it must be ``invalid_request``."""
    document = problem(response, "invalid_request")
    assert all(error["detail"] for error in document["errors"])
    return {error["pointer"] for error in document["errors"]}


async def key_with(service: Service, *scopes: str, name: str = "test") -> dict[str, str]:
    """Make an API key; return the header that carries it."""
    answer = await service.client.post("/v1/keys", json={"name": name, "scopes": scopes})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['secret']}"}


async def until(condition: Callable[[], bool]) -> None:
    """Look until something in this process has come about."""
    while not condition():  # noqa: ASYNC110  the peer only notes what comes; nobody signals
        await asyncio.sleep(0.01)


async def exchange(service: Service, *pieces: bytes | float) -> httpx2.Response:
    """Send octets as they are, pausing where a number stands (seconds); return the first answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    try:
        for piece in pieces:
            if isinstance(piece, bytes):
                writer.write(piece)
                await writer.drain()
            else:
                await asyncio.sleep(piece)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *lines = head.strip().split("\r\n")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        length = int(dict(headers).get("content-length", 0))
        return httpx2.Response(int(status.split()[1]), headers=headers, content=await reader.readexactly(length))
    finally:
        writer.close()


def post(path: str, body: bytes, *headers: str) -> bytes:
    """Return the octets of a POST with the tests' key."""
    lines = "".join(f"{line}\r\n" for line in (*headers, f"Content-Length: {len(body)}"))
    return f"POST {path} HTTP/1.1\r\nHost: test\r\n".encode() + AUTHORIZED + lines.encode() + b"\r\n" + body
