"""Refusals: RFC 9457 documents that name fields and never repeat values (CONTRACT 3)."""

from typing import Any

import httpx2
import pytest

from mailsvc.api.app import create_app
from mailsvc.api.services import Services
from tests.support.api import problem
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = "kanariya7"
TEXT = f"{CANARY} <b>x</b>\u0007"
BASE = {"to": "taro@example.jp", "template": "login_code", "code": "042917"}
SUBMITS: dict[str, dict[str, Any]] = {
    **{
        f"{field} text": {field: TEXT}
        for field in ("to", "template", "code", "challenge", "customer", "expires_at", "expires_in", "locale", "force")
    },
    **{
        f"{field} list": {field: [TEXT]}
        for field in ("to", "template", "code", "challenge", "customer", "expires_at", "locale", "context")
    },
    "address": {"to": f"{CANARY} x@{CANARY}.jp"},
    "domain": {"to": f"taro@{CANARY}"},
    "idn domain": {"to": f"taro@{CANARY}。日本"},
    "context value": {"context": {"environment": f"{CANARY}@x"}},
    "context type": {"context": {"environment": [CANARY]}},
    "unknown field": {"nosuch": CANARY},
    "instant that does not exist": {"expires_at": "2031-13-17T10:20:00+09:00"},
    "offset that does not exist": {"expires_at": "2031-12-17T10:20:00+26:17"},
    "unknown field with a name of its own": {f"{CANARY}@example.jp": 1},
    "context with a name of its own": {"context": {f"{CANARY}@example.jp": "x"}},
    "code for a notice": {"template": "address_changed", "code": CANARY},
}


@pytest.mark.parametrize("fields", SUBMITS.values(), ids=SUBMITS)
async def test_refused_submit_repeats_no_value(service: Service, fields: dict[str, Any]) -> None:
    """Whatever a field holds does not come back, in no part of the answer."""
    answer = await service.client.post("/v1/messages", json=BASE | fields)
    problem(answer, "invalid_request")
    for value in (CANARY, "2031", "26:17", "17:00", "timedelta", "042917", "taro"):
        assert value not in answer.text + str(answer.headers)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"/v1/messages/{CANARY}", "not_found"),
        (f"/v1/messages/msg_none?wait={CANARY}", "invalid_request"),
        (f"/v1/messages?limit={CANARY}", "invalid_request"),
        (f"/v1/messages?cursor={CANARY}", "invalid_request"),
        (f"/v1/messages?nosuch={CANARY}", "invalid_request"),
        (f"/v1/messages?{CANARY}=1", "invalid_request"),
        (f"/v1/messages?{CANARY}=1&{CANARY}=2", "invalid_request"),
        (f"/v1/events?after={CANARY}", "invalid_request"),
        (f"/v1/events?types={CANARY}", "invalid_request"),
        (f"/{CANARY}", "not_found"),
        (f"/problems/{CANARY}", "not_found"),
    ],
)
async def test_refused_address_repeats_no_value(service: Service, path: str, name: str) -> None:
    """Path and query do not come back either."""
    assert CANARY not in str(problem(await service.client.get(path), name))


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"Authorization": f"Bearer {CANARY}"}, "unauthorized"),
        ({"Authorization": f"Basic {CANARY}"}, "unauthorized"),
        ({"Idempotency-Key": f"{CANARY} {CANARY}"}, "invalid_request"),
        ({"Content-Type": f"text/{CANARY}"}, "unsupported_media_type"),
    ],
)
async def test_refused_header_repeats_no_value(service: Service, headers: dict[str, str], name: str) -> None:
    """Headers do not come back: keys least of all."""
    answer = await service.client.post("/v1/messages", json=BASE, headers=headers)
    problem(answer, name)
    assert CANARY not in answer.text + str(answer.headers)


async def test_refused_values_do_not_reach_the_log(service: Service) -> None:
    """The log knows neither the values of refused requests nor their codes."""
    await service.client.post("/v1/messages", json=BASE | {"context": {"nosuch": TEXT}})
    await service.client.post("/v1/messages", content=f'{{"{CANARY}": ')
    log = (service.folder / "stderr").read_text()
    assert CANARY not in log
    assert "042917" not in log


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/v1/messages", "GET, POST"),
        ("OPTIONS", "/v1/messages", "GET, POST"),
        ("PUT", "/v1/messages/msg_none", "GET"),
        ("GET", "/v1/messages/msg_none/cancel", "POST"),
        ("POST", "/v1/events", "GET"),
        ("PATCH", "/v1/keys", "GET, POST"),
        ("POST", "/healthz", "GET, HEAD"),
        ("POST", "/docs", "GET"),
    ],
)
async def test_wrong_method_is_told_the_right_ones(service: Service, method: str, path: str, allow: str) -> None:
    """405 names every method that the address takes (RFC 9110 15.5.6)."""
    answer = await service.client.request(method, path)
    problem(answer, "method_not_allowed")
    assert answer.headers["allow"] == allow


async def test_head_is_refused_without_a_body(service: Service) -> None:
    """HEAD is no method of messages, and its refusal has the headers of a problem only."""
    answer = await service.client.head("/v1/messages")
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
    assert answer.content == b""


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_answers_head(service: Service, path: str) -> None:
    """Load balancers ask with HEAD: the status and headers of GET, no body."""
    got, head = await service.client.get(path), await service.client.head(path)
    assert (head.status_code, head.headers["content-length"]) == (200, got.headers["content-length"])
    assert head.content == b""


@pytest.mark.parametrize(
    ("method", "path", "fields", "words"),
    [
        ("POST", "/v1/messages", BASE | {"challenge": "a\u0000b"}, "/challenge has a control character"),
        ("POST", "/v1/messages", BASE | {"nosuch": 1}, "/nosuch is not a field of this request"),
        ("POST", "/v1/messages", BASE | {"No Such": 1}, "/… is not a field of this request"),
        ("GET", "/v1/messages?nosuch=1", None, "nosuch is not a parameter of this request"),
        ("GET", "/v1/messages?cursor=x", None, "cursor is nothing that an answer has given as `next`"),
    ],
)
async def test_refusal_says_what_is_wrong_in_plain_words(
    service: Service, method: str, path: str, fields: dict[str, Any] | None, words: str
) -> None:
    """What is wrong is told as a person would, without regular expressions."""
    answer = await service.client.request(method, path, json=fields)
    assert problem(answer, "invalid_request")["detail"] == words


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/messages/", "/v1//messages", "/healthz/", "/V1/messages", "/docs/x"])
async def test_unknown_path_is_not_found(service: Service, path: str) -> None:
    """One address, one spelling: nothing is redirected, a trailing slash least of all."""
    problem(await service.client.get(path), "not_found")


async def test_fault_of_the_service_is_a_problem_without_details() -> None:
    """An error nobody foresaw is 500 `internal`; what it says stays inside."""

    def fail() -> dict[str, str]:
        raise RuntimeError(CANARY)

    parts = dict.fromkeys(Services.__dataclass_fields__) | {"failing": fail}
    transport = httpx2.ASGITransport(create_app(Services(**parts)), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal")
    assert answer.headers["content-type"] == "application/problem+json"
    assert CANARY not in answer.text
