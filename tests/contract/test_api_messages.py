"""`/v1/messages/{id}` and its list, `cancel` and `used` (CONTRACT 3.2)."""

import json
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.support.api import pointers, problem, until
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import HANG, say

pytestmark = pytest.mark.asyncio(loop_scope="module")

VIEW = {
    *("id", "state", "template", "reference", "to", "challenge", "customer", "accepted_at", "expires_at"),
    *("next_attempt_at", "attempts", "outcome", "used_at", "feedback"),
}
TOKYO = timezone(timedelta(hours=9))
LATER = say("450 4.2.0 later")


async def read(service: Service, message: str, wait: str = "0") -> dict[str, Any]:
    """Read a message."""
    answer = await service.client.get(f"/v1/messages/{message}?wait={wait}")
    assert answer.status_code == 200, answer.text
    view: dict[str, Any] = answer.json()
    return view


async def test_sent_message_tells_its_attempt_and_outcome(service: Service) -> None:
    """The object of CONTRACT 3.2, complete, with the server's words and without the address or the code."""
    accepted = (await service.submit("taro@docomo.ne.jp", challenge="c", customer="k")).json()
    message = await service.outcome(accepted["id"])
    assert set(message) >= VIEW
    same = ("id", "reference", "to", "accepted_at", "expires_at")
    assert {name: message[name] for name in same} == {name: accepted[name] for name in same}
    assert (message["challenge"], message["customer"], message["template"]) == ("c", "k", "login_code")
    (attempt,) = message["attempts"]
    assert (attempt["number"], attempt["stage"], attempt["category"]) == (1, "dot", "delivered")
    assert (attempt["host"], attempt["ip"], attempt["tls"], attempt["status"]) == ("127.0.0.1",) * 2 + (None, "2.0.0")
    assert attempt["reply"] == "250 2.0.0 Ok: queued"
    assert attempt["at"] <= attempt["handed_over_at"] <= message["outcome"]["at"]
    assert set(attempt["seconds"]) >= {"queue", "transfer"}
    assert message["outcome"] | {"at": ""} == {
        "state": "sent",
        "at": "",
        "category": "delivered",
        "cause": None,
        "reply": "250 2.0.0 Ok: queued",
        "relayed": True,
    }
    assert (message["next_attempt_at"], message["used_at"], message["feedback"]) == (None, None, [])
    assert "taro" not in json.dumps(message)
    assert "042917" not in json.dumps(message)


async def test_wait_holds_the_answer_until_the_state_is_final(service: Service, scripted: SmtpPeer) -> None:
    """Without `wait` a queued message answers as it stands; with it, the answer is the final state."""
    scripted.script = {"rcpt": say("250 2.1.5 Ok", after=0.7)}
    message = (await service.submit()).json()["id"]
    assert (await read(service, message))["state"] == "queued"
    assert (await read(service, message, "60"))["state"] == "sent"


async def test_wait_ends_with_a_message_that_is_still_queued(service: Service, scripted: SmtpPeer) -> None:
    """When the seconds are over, the answer is the message as it stands, which is no error."""
    scripted.script = {"rcpt": LATER}
    message = (await service.submit()).json()["id"]
    began = time.monotonic()
    view = await read(service, message, "0.5")
    assert time.monotonic() - began >= 0.5
    assert (view["state"], view["outcome"]) == ("queued", None)
    assert view["next_attempt_at"]
    await service.client.post(f"/v1/messages/{message}/cancel")


@pytest.mark.parametrize("wait", ["-1", "60.1", "61", "nan", "inf", "ten", "", "1s"])
async def test_wrong_wait_is_named(service: Service, wait: str) -> None:
    """`wait` is a number of seconds from 0 to 60."""
    message = (await service.submit()).json()["id"]
    assert pointers(await service.client.get(f"/v1/messages/{message}?wait={wait}")) == {"wait"}


@pytest.mark.parametrize(
    "path", ["/v1/messages/x", "/v1/messages/x?waits=1", "/v1/messages?custmer=c", "/v1/events?a=1"]
)
async def test_unknown_parameter_is_refused(service: Service, path: str) -> None:
    """A misspelt filter is named: it must not answer with the messages of everybody."""
    if "?" in path:
        assert pointers(await service.client.get(path)) == {path.partition("?")[2].partition("=")[0]}
    else:
        problem(await service.client.get(path), "not_found")


@pytest.mark.parametrize("identifier", ["msg_none", "msg_" + "0" * 26, "%00", "%ff%fe", "..%2f..", "x" * 3000])
@pytest.mark.parametrize("verb", ["", "/cancel", "/used"])
async def test_unknown_message_is_not_found(service: Service, identifier: str, verb: str) -> None:
    """No id of any shape is an error of the service."""
    method = "POST" if verb else "GET"
    problem(await service.client.request(method, f"/v1/messages/{identifier}{verb}"), "not_found")


async def test_cancel_ends_a_message_that_waits(service: Service, scripted: SmtpPeer) -> None:
    """A waiting message is cancelled at once and for good; asking again changes nothing."""
    scripted.script = {"rcpt": LATER}
    message = (await service.submit()).json()["id"]
    cancelled = (await service.client.post(f"/v1/messages/{message}/cancel")).json()
    assert set(cancelled) >= VIEW
    outcome = cancelled["outcome"]
    assert (cancelled["state"], outcome["state"], outcome["category"]) == ("cancelled", "cancelled", None)
    again = await service.client.post(f"/v1/messages/{message}/cancel")
    assert (again.status_code, again.json()["outcome"]) == (200, cancelled["outcome"])


async def test_cancel_of_a_final_message_changes_nothing(service: Service) -> None:
    """What has been sent stays sent, and the answer is 200 with the message."""
    message = await service.outcome((await service.submit()).json()["id"])
    answer = await service.client.post(f"/v1/messages/{message['id']}/cancel")
    assert (answer.status_code, answer.json()) == (200, message)


async def test_cancel_past_the_dot_leaves_what_comes_back(service: Service, scripted: SmtpPeer) -> None:
    """A mail that is being handed over cannot be called back: it is queued until the server answers, then sent."""
    scripted.script = {"dot": say("250 2.0.0 Ok", after=1.0)}
    before = len(scripted.mails)
    message = (await service.submit()).json()["id"]
    await until(lambda: len(scripted.mails) > before)
    answer = await service.client.post(f"/v1/messages/{message}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "queued")
    assert (await service.outcome(message))["state"] == "sent"


def in_tokyo(seconds: float) -> str:
    """Write the instant so many seconds from now, as a clock in Tokyo shows it."""
    return (datetime.now(TOKYO) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


@pytest.mark.parametrize("body", [None, {}, {"at": in_tokyo(-600)}, {"at": None}])
async def test_used_is_noted_once(service: Service, body: dict[str, Any] | None) -> None:
    """The first report counts, with its own instant or with that of its arrival; later ones change nothing."""
    message = (await service.outcome((await service.submit()).json()["id"]))["id"]
    path = f"/v1/messages/{message}/used"
    first = await service.client.post(path, json=body) if body is not None else await service.client.post(path)
    assert first.status_code == 200
    noted = datetime.fromisoformat(first.json()["used_at"])
    if stated := (body or {}).get("at"):
        assert noted == datetime.fromisoformat(stated)
    else:
        assert abs(noted - datetime.now(TOKYO)) < timedelta(seconds=60)
    second = await service.client.post(path, json={"at": in_tokyo(-300)})
    assert (second.status_code, second.json()) == (200, first.json())


async def test_used_is_taken_while_queued(service: Service, scripted: SmtpPeer) -> None:
    """The customer may be faster than the server's last answer: `used` does not wait for a final state."""
    scripted.script = {"rcpt": LATER}
    message = (await service.submit()).json()["id"]
    answer = await service.client.post(f"/v1/messages/{message}/used")
    assert (answer.status_code, answer.json()["state"]) == (200, "queued")
    assert answer.json()["used_at"]
    await service.client.post(f"/v1/messages/{message}/cancel")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        *(({"at": at}, "/at") for at in ("", "now", "2026-11-23T10:20:00", "2026-13-01T00:00:00Z", 1795396542)),
        *(({"at": at}, "/at") for at in ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59")),
        *(({"at": in_tokyo(days * 86400)}, "/at") for days in (-1.1, 1.1)),
        ({"when": "now"}, "/when"),
    ],
)
async def test_wrong_used_is_named(service: Service, body: dict[str, Any], pointer: str) -> None:
    """An instant that is none, has no year, or is a day off the message's life is refused and not noted."""
    message = (await service.submit()).json()["id"]
    assert pointers(await service.client.post(f"/v1/messages/{message}/used", json=body)) == {pointer}
    assert (await read(service, message))["used_at"] is None


async def test_list_is_read_in_pages_newest_first(service: Service) -> None:
    """A cursor goes on where the page ended, also when newer messages have come meanwhile."""
    made = [(await service.submit(customer="pages")).json()["id"] for _ in range(5)]
    path, seen = "/v1/messages?customer=pages&limit=2", []
    page = (await service.client.get(path)).json()
    while True:
        assert len(page["messages"]) <= 2
        seen += [message["id"] for message in page["messages"]]
        if page["next"] is None:
            break
        await service.submit(customer="pages")
        page = (await service.client.get(f"{path}&cursor={page['next']}")).json()
    assert seen == made[::-1]


@pytest.mark.parametrize("name", ["challenge", "customer", "reference"])
async def test_list_is_filtered(service: Service, name: str) -> None:
    """Each filter finds the messages that have exactly this value, as their own objects of CONTRACT 3.2."""
    value = f"filter ＆%&= {name}"
    fields = {} if name == "reference" else {name: value}
    message = await service.outcome((await service.submit(**fields)).json()["id"])
    answer = await service.client.get("/v1/messages", params={name: message[name]})
    assert message in answer.json()["messages"]
    assert {found[name] for found in answer.json()["messages"]} == {message[name]}
    assert (await service.client.get("/v1/messages", params={name: "no such"})).json() == {"messages": [], "next": None}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit"), ("cursor=x", "cursor"), ("cursor=", "cursor")],
)
async def test_wrong_page_is_named(service: Service, query: str, pointer: str) -> None:
    """A page size out of bounds, or a cursor that is none of ours, is refused."""
    assert pointers(await service.client.get(f"/v1/messages?{query}")) == {pointer}


async def test_cancel_before_the_dot_stops_the_attempt(service: Service, scripted: SmtpPeer) -> None:
    """An attempt that is still before its dot hands nothing over once its message is cancelled."""
    scripted.script = {"data": HANG}
    before = len(scripted.mails)
    message = (await service.submit("stopped@example.jp")).json()["id"]
    await until(lambda: any(b"stopped@" in command.line for command in scripted.commands))
    assert (await service.client.post(f"/v1/messages/{message}/cancel")).json()["state"] == "cancelled"
    assert len(scripted.mails) == before
