"""Bodies are read strictly: size, time, encoding, JSON's own grammar, known fields of the right type (CONTRACT 3)."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.support.api import AUTHORIZED, exchange, pointers, post, problem
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT = 16 * 1024
GOOD = {"to": "taro@example.jp", "template": "login_code", "code": "042917"}
JSON = {"Content-Type": "application/json"}
WITH_BODY = ("/v1/messages", "/v1/messages/msg_none/used", "/v1/keys")


def padded(length: int) -> bytes:
    """Return a good submit of so many octets."""
    body = json.dumps(GOOD).encode()
    return body + b" " * (length - len(body))


async def in_pieces(body: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """Yield a body in chunks, so that no length is announced."""
    for at in range(0, len(body), size):
        yield body[at : at + size]


async def test_body_of_the_limit_is_taken(service: Service) -> None:
    """16 KiB are not too much, announced or in chunks."""
    for content in (padded(LIMIT), in_pieces(padded(LIMIT))):
        assert (await service.client.post("/v1/messages", content=content, headers=JSON)).status_code == 202


@pytest.mark.parametrize("path", WITH_BODY)
@pytest.mark.parametrize("length", [LIMIT + 1, 3 * 1024 * 1024])
async def test_longer_body_is_too_large(service: Service, path: str, length: int) -> None:
    """One octet more is 413, and so are megabytes: their sender still gets to read the answer."""
    for content in (padded(length), in_pieces(padded(length), 64 * 1024)):
        problem(await service.client.post(path, content=content, headers=JSON), "too_large")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}{}",
        b"{'to': 1}",
        b"\xef\xbb\xbf{}",
        json.dumps(GOOD).encode("utf-16"),
        json.dumps(GOOD | {"challenge": "日本"}, ensure_ascii=False).encode("shift_jis"),
        b'{"to": "\xff"}',
        b'{"to": "\xed\xa0\x80"}',
        rb'{"to": "\ud800"}',
        rb'{"\udfff": 1}',
        b'{"expires_in": NaN}',
        b'{"expires_in": Infinity}',
        b'{"expires_in": -Infinity}',
        b'{"expires_in": 0300}',
        b'{"expires_in": ' + b"9" * 5000 + b"}",
        b"[" * LIMIT,
        b'{"a":' * 2500 + b"1" + b"}" * 2500,
        b'{"to": "a\nb"}',
        b'{"to": "a@b.jp", "to": "a@b.jp"}',
        b'{"context": {"environment": "a", "environment": "b"}}',
    ],
    ids=lambda body: repr(body[:24]),
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/keys"])
async def test_text_that_is_no_strict_json_is_malformed(service: Service, path: str, body: bytes) -> None:
    """What two readers could read differently is read by none: 400, never 500."""
    problem(await service.client.post(path, content=body, headers=JSON), "malformed")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true", b"[" * 500 + b"]" * 500])
async def test_json_that_is_no_object_is_invalid(service: Service, body: bytes) -> None:
    """Well-formed JSON of another shape names the whole body as wrong."""
    assert pointers(await service.client.post("/v1/messages", content=body, headers=JSON)) == {""}


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("to", None, "/to"),
        ("to", 1, "/to"),
        ("to", ["taro@example.jp"], "/to"),
        ("to", "a" * 600 + "@example.jp", "/to"),
        ("template", None, "/template"),
        ("template", True, "/template"),
        ("template", "nosuch", "/template"),
        ("code", 42917, "/code"),
        ("code", "42917", "/code"),
        ("code", "0429170", "/code"),
        ("code", "04291a", "/code"),
        ("code", "０４２９１７", "/code"),
        ("code", "042917\n", "/code"),
        ("code", "", "/code"),
        ("code", None, "/code"),
        ("challenge", "", "/challenge"),
        ("challenge", "x" * 129, "/challenge"),
        ("challenge", "a\u0000b", "/challenge"),
        ("challenge", 5, "/challenge"),
        ("customer", "line\nline", "/customer"),
        ("customer", {}, "/customer"),
        ("expires_in", "300", "/expires_in"),
        ("expires_in", True, "/expires_in"),
        ("expires_in", 10**400, "/expires_in"),
        ("expires_in", 1e308, "/expires_in"),
        ("expires_at", 1795396542, "/expires_at"),
        ("locale", "fr", "/locale"),
        ("locale", None, "/locale"),
        ("context", [], "/context"),
        ("context", None, "/context"),
        ("context", {"environment": 1}, "/context/environment"),
        ("context", {"a/b~c": "x"}, "/context/…"),
        ("force", 1, "/force"),
        ("force", "true", "/force"),
        ("nosuch", 1, "/nosuch"),
        ("a/b~c", 1, "/…"),
        ("", 1, "/…"),
        ("taro@example.jp", 1, "/…"),
    ],
)
async def test_wrong_field_is_named_by_its_pointer(service: Service, field: str, value: object, pointer: str) -> None:
    """Every wrong, unknown or mistyped field is 422 with the JSON pointer (RFC 6901) to it, and nothing is coerced."""
    answer = await service.client.post("/v1/messages", json=GOOD | {field: value})
    assert pointers(answer) == {pointer}


async def test_every_wrong_field_is_named_at_once(service: Service) -> None:
    """A caller mends a request in one go, not field by field."""
    wrong = GOOD | {"to": "taro", "code": "1", "expires_in": 1, "context": {"nosuch": "x"}}
    answer = await service.client.post("/v1/messages", json=wrong)
    assert pointers(answer) == {"/to", "/code", "/expires_in", "/context/nosuch"}


@pytest.mark.parametrize("missing", ["to", "template"])
async def test_missing_field_is_named(service: Service, missing: str) -> None:
    """A required field that is absent is named like a wrong one."""
    body = {name: value for name, value in GOOD.items() if name != missing}
    assert pointers(await service.client.post("/v1/messages", json=body)) == {f"/{missing}"}


@pytest.mark.parametrize("path", WITH_BODY)
@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "json"])
async def test_body_of_another_type_is_unsupported(service: Service, path: str, media_type: str) -> None:
    """Only JSON is read as JSON: a form of a foreign web page cannot submit."""
    answer = await service.client.post(path, content=json.dumps(GOOD), headers={"Content-Type": media_type})
    problem(answer, "unsupported_media_type")


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8", None])
async def test_json_type_is_known_in_any_spelling(service: Service, media_type: str | None) -> None:
    """Case and parameters of the media type do not matter, and a body without one is JSON."""
    headers = {"Content-Type": media_type} if media_type else {}
    answer = await service.client.post("/v1/messages", content=json.dumps(GOOD), headers=headers)
    assert answer.status_code == 202


async def test_body_that_stalls_times_out(service: Service) -> None:
    """A body that does not arrive in time is 408, and the connection ends: what follows could not be told apart."""
    answer = await exchange(service, post("/v1/messages", json.dumps(GOOD).encode())[:-5])
    problem(answer, "timeout")
    assert answer.headers["connection"] == "close"


async def test_slow_but_steady_body_is_taken(service: Service) -> None:
    """A body in a few pieces with pauses is a normal one."""
    octets = post("/v1/messages", json.dumps(GOOD).encode())
    assert (await exchange(service, octets[:-30], 0.2, octets[-30:-10], 0.2, octets[-10:])).status_code == 202


async def test_empty_chunked_body_counts_as_none(service: Service) -> None:
    """`used` takes no body however its absence is spelled."""
    message = (await service.submit()).json()["id"]
    head = f"POST /v1/messages/{message}/used HTTP/1.1\r\nHost: test\r\n".encode() + AUTHORIZED
    for end in (b"\r\n", b"Content-Length: 0\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
        assert (await exchange(service, head + end)).status_code == 200


@pytest.mark.parametrize("path", ["/v1/messages/msg_none/cancel", "/v1/keys/none/revoke"])
@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"", "not_found"),
        (b"{}", "not_found"),
        (b'{"at": null}', "invalid_request"),
        (b"[]", "invalid_request"),
        (b"{", "malformed"),
        (b'{"a": 1, "a": 1}', "malformed"),
        (b" " * (LIMIT + 1), "too_large"),
    ],
    ids=["none", "empty object", "unknown field", "list", "cut off", "duplicate", "too large"],
)
async def test_body_where_nothing_is_to_be_said_is_empty(service: Service, path: str, body: bytes, name: str) -> None:
    """`cancel` and `revoke` take no fields: a body, if there is one, is an empty object, read as strictly as any."""
    problem(await service.client.post(path, content=body, headers=JSON), name)
