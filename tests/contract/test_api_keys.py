"""API keys over HTTP (CONTRACT 3 and the `keys` commands of CONTRACT 1)."""

import asyncio

import pytest

from tests.support.api import key_with, pointers, problem
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_new_key_shows_its_secret_once(service: Service) -> None:
    """The secret stands in the answer that makes the key and nowhere else, the log included."""
    made = (await service.client.post("/v1/keys", json={"name": "front", "scopes": ["submit", "read"]})).json()
    assert made["name"] == "front"
    assert set(made["scopes"]) == {"submit", "read"}
    assert made["revoked_at"] is None
    listed = await service.client.get("/v1/keys")
    (shown,) = (key for key in listed.json()["keys"] if key["id"] == made["id"])
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert made["secret"] not in listed.text + service.printed


@pytest.mark.parametrize("by", ["id", "name"])
async def test_revoked_key_is_refused(service: Service, by: str) -> None:
    """A key revoked by id or name works for at most two more seconds and stays in the list."""
    made = (await service.client.post("/v1/keys", json={"name": f"leaked {by}", "scopes": ["read"]})).json()
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert (await service.client.get("/v1/events", headers=headers)).status_code == 200
    revoked = await service.client.post(f"/v1/keys/{made[by]}/revoke")
    assert revoked.json()["id"] == made["id"]
    assert revoked.json()["revoked_at"]
    await asyncio.sleep(2.1)
    problem(await service.client.get("/v1/events", headers=headers), "unauthorized")
    problem(await service.client.post(f"/v1/keys/{made[by]}/revoke"), "not_found")
    listed = (await service.client.get("/v1/keys")).json()["keys"]
    assert next(key for key in listed if key["id"] == made["id"])["revoked_at"] == revoked.json()["revoked_at"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "x" * 65}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"name": 1}, "/name"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": "read"}, "/scopes"),
        ({"scopes": ["admin"]}, "/scopes"),
        ({"scopes": ["read", "READ"]}, "/scopes"),
        ({"scopes": [1]}, "/scopes/0"),
        ({"secret": "mk_mine"}, "/secret"),
    ],
)
async def test_wrong_key_request_is_named(service: Service, fields: dict[str, object], pointer: str) -> None:
    """A key without a readable name or with scopes that do not exist is not made."""
    answer = await service.client.post("/v1/keys", json={"name": "front", "scopes": ["read"]} | fields)
    assert pointers(answer) == {pointer}


async def test_challenges_of_two_keys_never_meet(service: Service) -> None:
    """A challenge belongs to its API key: the same word of another key supersedes nothing."""
    mine = (await service.submit(challenge="shared")).json()["id"]
    other = await key_with(service, "submit")
    body = {"to": "taro@example.jp", "template": "login_code", "code": "111222", "challenge": "shared"}
    accepted = (await service.client.post("/v1/messages", json=body, headers=other)).json()
    assert (accepted["superseded"], accepted["raced"]) == ([], [])
    assert (await service.outcome(mine))["state"] == "sent"
