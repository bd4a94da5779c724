"""`/v1/webhooks`: how the endpoints are, what is parked, replay, and what the start makes of the configuration."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.api import pointers, problem
from tests.support.service import Service
from tests.support.webhook_receiver import OK, SECRET, Act, WebhookReceiver

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: What the second endpoint is; nobody listens there.
ABSENT = "http://user:geheim@127.0.0.1:9/hook?token=geheim"
SHOWN = "http://127.0.0.1:9/hook"
MEMBERS = {"url", "configured", "cursor", "lag", "pending", "parked", "last_failure", "next_try_at"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiver() -> AsyncIterator[WebhookReceiver]:
    """Listen as the first endpoint."""
    async with WebhookReceiver() as receiver:
        yield receiver


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(receiver: WebhookReceiver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """Run a service with two endpoints, the second for complaints only."""
    absent = {"url": ABSENT, "secret": SECRET, "types": ["message.failed", "message.used"]}
    settings = {"WEBHOOKS": json.dumps([*json.loads(receiver.setting()), absent])}
    async with Service(folder=tmp_path_factory.mktemp("service"), settings=settings) as service:
        yield service


@pytest.fixture(autouse=True)
def _healthy(receiver: WebhookReceiver) -> None:
    receiver.script = lambda _event: OK


async def webhooks(service: Service) -> dict[str, dict[str, Any]]:
    """Return the endpoints by their URLs."""
    answer = await service.client.get("/v1/webhooks")
    assert answer.status_code == 200, answer.text
    return {found["url"]: found for found in answer.json()["webhooks"]}


async def once(service: Service, url: str, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Return an endpoint once something is true of it."""
    async with asyncio.timeout(15):
        while True:
            found = (await webhooks(service))[url]
            if condition(found):
                return found
            await asyncio.sleep(0.05)


async def settled(service: Service, url: str, **members: Any) -> dict[str, Any]:
    """Return an endpoint once it has these members."""
    return await once(service, url, lambda found: all(found[name] == value for name, value in members.items()))


async def parked(service: Service, receiver: WebhookReceiver, count: int) -> list[dict[str, Any]]:
    """Have the events of a message refused; return what is parked, newest first."""
    receiver.script = lambda event: Act(422) if event["customer"] == "refused" else OK
    await service.outcome((await service.submit(customer="refused")).json()["id"])
    await settled(service, receiver.url, parked=count, pending=0)
    receiver.script = lambda _event: OK
    found: list[dict[str, Any]] = (await service.client.get("/v1/webhooks/parked")).json()["parked"]
    return found


async def replay(service: Service, **asked: Any) -> int:
    answer = await service.client.post("/v1/webhooks/replay", json=asked)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["events"])


async def test_push_and_pull_carry_the_same(service: Service, receiver: WebhookReceiver) -> None:
    """What an endpoint gets of a message is what /v1/events shows of it, octet for octet."""
    message = (await service.submit()).json()["id"]
    await service.outcome(message)
    await service.client.post(f"/v1/messages/{message}/used")
    await receiver.until(lambda: sum(got.event["message"] == message for got in receiver.taken) == 3)
    pushed = [got for got in receiver.taken if got.event["message"] == message]
    pulled = (await service.client.get("/v1/events?limit=1000")).text
    for got in pushed:
        assert got.body.decode() in pulled
    assert [got.event["type"] for got in pushed] == ["message.accepted", "message.sent", "message.used"]


async def test_list_shows_each_endpoint_without_its_secrets(service: Service, receiver: WebhookReceiver) -> None:
    """The one that answers has nothing to say; the one that does not tells why, and when it is tried again."""
    message = (await service.submit()).json()["id"]
    await service.client.post(f"/v1/messages/{message}/used")
    await once(service, SHOWN, lambda absent: absent["next_try_at"])
    found = await webhooks(service)
    assert set(found) == {receiver.url, SHOWN}
    assert all(set(one) == MEMBERS and one["configured"] for one in found.values())
    absent = found[SHOWN]
    assert absent["last_failure"]["problem"].startswith("no connection")
    assert absent["next_try_at"] > absent["last_failure"]["at"]
    assert absent["lag"] > 0
    assert absent["pending"] > 0
    healthy = await settled(service, receiver.url, pending=0)
    assert (healthy["parked"], healthy["lag"], healthy["last_failure"], healthy["next_try_at"]) == (0, 0, None, None)
    assert "geheim" not in json.dumps(found)


async def test_parked_events_are_listed_without_personal_data(service: Service, receiver: WebhookReceiver) -> None:
    """An operator sees which event, which endpoint and why; who it was about needs scope read."""
    before = (await webhooks(service))[receiver.url]["parked"]
    found = await parked(service, receiver, before + 2)
    newest = found[0]
    assert set(newest) == {"id", "url", "parked_at", "tries", "problem", "event"}
    assert (newest["url"], newest["tries"], newest["problem"]) == (receiver.url, 1, "answered 422")
    assert newest["event"]["type"] == "message.sent"
    assert "taro" not in json.dumps(found)
    page = (await service.client.get(f"/v1/webhooks/parked?limit=1&url={receiver.url}")).json()
    assert page["parked"] == [newest]
    rest = (await service.client.get(f"/v1/webhooks/parked?limit=500&cursor={page['next']}")).json()
    assert (rest["parked"], rest["next"]) == (found[1:], None)
    assert (await service.client.get(f"/v1/webhooks/parked?url={SHOWN}")).json()["parked"] == []


async def test_parked_events_are_replayed(service: Service, receiver: WebhookReceiver) -> None:
    """One by its id, then all; each comes under its own id and is not parked any more."""
    before = (await webhooks(service))[receiver.url]["parked"]
    newest, *_ = await parked(service, receiver, before + 2)
    taken = len(receiver.taken)
    assert await replay(service, url=receiver.url, event=newest["event"]["id"]) == 1
    assert (await receiver.until_taken(taken + 1))[-1].id == newest["event"]["id"]
    assert await replay(service) == before + 1
    await settled(service, receiver.url, parked=0, pending=0)
    assert await replay(service) == 0


async def test_log_is_replayed_from_a_position(service: Service, receiver: WebhookReceiver) -> None:
    """`after` sends everything behind it again, to the endpoint that is named."""
    await service.outcome((await service.submit()).json()["id"])
    state = await settled(service, receiver.url, pending=0)
    taken = len(receiver.taken)
    assert await replay(service, url=receiver.url, after=state["cursor"] - 2) == 2
    again = (await receiver.until_taken(taken + 2))[taken:]
    assert [got.event["seq"] for got in again] == [state["cursor"] - 1, state["cursor"]]


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"url": "https://nobody.example.jp/"}, "not_found"),
        ({"url": "https://nobody.example.jp/", "after": 1}, "not_found"),
        ({"event": "evt_nosuch"}, "not_found"),
        ({"event": "evt_x", "after": 1}, "invalid_request"),
        ({"after": -1}, "invalid_request"),
        ({"after": "1"}, "invalid_request"),
        ({"seq": 1}, "invalid_request"),
    ],
)
async def test_wrong_replay_is_refused(service: Service, asked: dict[str, Any], name: str) -> None:
    """What is not there, or contradicts itself, is told so, and nothing is sent."""
    problem(await service.client.post("/v1/webhooks/replay", json=asked), name)


@pytest.mark.parametrize("query", ["cursor=x", "limit=0", "limit=501", "state=x"])
async def test_wrong_query_is_named(service: Service, query: str) -> None:
    """A parameter out of bounds is refused by name."""
    assert pointers(await service.client.get(f"/v1/webhooks/parked?{query}")) == {query.partition("=")[0]}


async def test_metrics_name_endpoints_by_their_number(service: Service, receiver: WebhookReceiver) -> None:
    """No URL becomes a label."""
    await service.outcome((await service.submit()).json()["id"])
    await receiver.until(lambda: bool(receiver.taken))
    await settled(service, receiver.url, pending=0)
    metrics = (await service.client.get("/metrics")).text
    assert 'mailsvc_webhook_lag_seconds{endpoint="1"}' in metrics
    assert 'mailsvc_webhook_parked{endpoint="2"}' in metrics
    assert 'mailsvc_webhook_requests_total{endpoint="1",result="delivered"}' in metrics
    assert "127.0.0.1" not in metrics


async def test_start_and_logs_show_no_secret(tmp_path: Path) -> None:
    """Passwords, tokens and signing secrets stand in no line, and no body does."""
    absent = json.dumps([{"url": ABSENT, "secret": SECRET}])
    async with Service(folder=tmp_path, settings={"WEBHOOKS": absent, "LOG": "debug"}) as service:
        await service.outcome((await service.submit()).json()["id"])
        await once(service, SHOWN, lambda absent: absent["last_failure"])
        await service.stop()
        assert "geheim" not in service.printed
        assert SECRET not in service.printed
        assert "taro@example.jp" not in service.printed
