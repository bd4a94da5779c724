"""Who may call what: every operation with a key of every scope (CONTRACT 3)."""

import pytest

from tests.support.api import key_with, problem
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCOPES = ("submit", "read", "check", "operate")
#: The scopes that let a request in, for every operation that asks for a key.
ALLOWED = {
    ("POST", "/v1/messages"): {"submit"},
    ("GET", "/v1/messages"): {"submit", "read"},
    ("GET", "/v1/messages/{message_id}"): {"submit", "read"},
    ("POST", "/v1/messages/{message_id}/cancel"): {"submit"},
    ("POST", "/v1/messages/{message_id}/used"): {"submit"},
    ("POST", "/v1/addresses/check"): {"check"},
    ("POST", "/v1/addresses/state"): {"read"},
    ("POST", "/v1/addresses/clear"): {"operate"},
    ("POST", "/v1/addresses/forget"): {"operate"},
    ("GET", "/v1/addresses"): {"read"},
    ("POST", "/v1/reports"): {"operate"},
    ("GET", "/v1/reports"): {"operate"},
    ("POST", "/v1/reports/{report_id}/retry"): {"operate"},
    ("GET", "/v1/events"): {"read"},
    ("GET", "/v1/webhooks"): {"operate"},
    ("GET", "/v1/webhooks/parked"): {"operate"},
    ("POST", "/v1/webhooks/replay"): {"operate"},
    ("POST", "/v1/keys"): {"operate"},
    ("GET", "/v1/keys"): {"operate"},
    ("POST", "/v1/keys/{key_id}/revoke"): {"operate"},
    ("GET", "/metrics"): {"operate"},
}
OPEN = {("GET", "/healthz"), ("GET", "/readyz")}
EACH_OPERATION = pytest.mark.parametrize(("method", "path"), ALLOWED, ids=lambda value: value)


async def test_matrix_covers_every_documented_operation(service: Service) -> None:
    """No operation escapes this file, and the document names the scopes of each."""
    paths = (await service.client.get("/openapi.json")).json()["paths"]
    documented = {(method.upper(), path): spec for path, methods in paths.items() for method, spec in methods.items()}
    assert set(documented) == set(ALLOWED) | OPEN
    for operation, scopes in ALLOWED.items():
        assert {name for key in documented[operation]["security"] for name in key["key"]} == scopes
    assert not any("security" in documented[operation] for operation in OPEN)


@EACH_OPERATION
async def test_operation_admits_only_keys_with_its_scopes(service: Service, method: str, path: str) -> None:
    """A key of a wrong scope is 403 forbidden before anything else is looked at; a right one gets further."""
    for scope in SCOPES:
        answer = await service.client.request(method, path, headers=await key_with(service, scope))
        if scope in ALLOWED[method, path]:
            assert answer.status_code not in {401, 403}
        else:
            assert scope not in problem(answer, "forbidden")["detail"]


@EACH_OPERATION
@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer mk_unknown", "Basic dXNlcjpwYXNz", "mk_unknown", "Bearer \xff"],
    ids=["empty", "no key", "unknown", "basic", "no scheme", "latin-1"],
)
async def test_request_without_a_known_key_is_unauthorized(
    service: Service, method: str, path: str, authorization: str
) -> None:
    """Whatever the header says, a caller without a key learns that one is needed, and of which kind."""
    headers = {"Authorization": authorization.encode("latin-1")}
    answer = await service.client.request(method, path, headers=headers)
    problem(answer, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_scheme_is_read_in_any_case(service: Service) -> None:
    """`bearer` is as good as `Bearer` (RFC 9110 11.1)."""
    key = (await key_with(service, "read"))["Authorization"].removeprefix("Bearer ")
    answer = await service.client.get("/v1/events", headers={"Authorization": f"bearer {key}"})
    assert answer.status_code == 200


async def test_submit_key_sees_and_changes_only_its_own_messages(service: Service) -> None:
    """A message of another key is not found: it cannot be read, listed, cancelled or used."""
    message = (await service.submit(customer="mine")).json()["id"]
    other = await key_with(service, "submit")
    for method, path in (("GET", ""), ("POST", "/cancel"), ("POST", "/used")):
        problem(await service.client.request(method, f"/v1/messages/{message}{path}", headers=other), "not_found")
    assert (await service.client.get("/v1/messages?customer=mine", headers=other)).json()["messages"] == []


async def test_read_key_sees_messages_of_every_key(service: Service) -> None:
    """Scope read is for personal data of all: it reads and lists what any key submitted."""
    message = (await service.submit(customer="theirs")).json()["id"]
    reader = await key_with(service, "read")
    assert (await service.client.get(f"/v1/messages/{message}", headers=reader)).json()["id"] == message
    (listed,) = (await service.client.get("/v1/messages?customer=theirs", headers=reader)).json()["messages"]
    assert listed["id"] == message


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/docs", "/docs/style.css"])
async def test_open_paths_need_no_key(service: Service, path: str) -> None:
    """Health, document and page answer anybody."""
    assert (await service.client.get(path, headers={"Authorization": ""})).status_code == 200


async def test_metrics_answer_in_the_format_of_prometheus(service: Service) -> None:
    """An operator's key reads the counters."""
    answer = await service.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "mailsvc_queue_messages" in answer.text
