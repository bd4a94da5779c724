"""``/v1/addresses`` and what submits, messages and events say of addresses (CONTRACT 3.1, 3.2, 3.5)."""

import asyncio
import itertools
from typing import Any

import pytest

from mailsvc.api.address_models import AddressView
from tests.support.api import key_with, pointers, problem
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import say

pytestmark = pytest.mark.asyncio(loop_scope="module")

FULL = say("552 5.2.2 Mailbox full")
NOBODY = say("550 5.1.1 User unknown")
OURS = say("550 5.7.26 Unauthenticated mail")
_numbers = itertools.count(1)


def new() -> str:
    """Return an address that nobody has mailed."""
    return f"hanako{next(_numbers)}@docomo.ne.jp"


async def post(service: Service, path: str, **body: Any) -> dict[str, Any]:
    """Call an operation on an address."""
    answer = await service.client.post(f"/v1/addresses/{path}", json=body)
    assert answer.status_code == 200, answer.text
    AddressView.model_validate(answer.json(), strict=False)
    found: dict[str, Any] = answer.json()
    return found


async def mail(service: Service, to: str, **fields: Any) -> dict[str, Any]:
    """Submit a code and return its message when it has ended."""
    answer = await service.submit(to, **fields)
    assert answer.status_code == 202, answer.text
    return await service.outcome(answer.json()["id"])


async def flagged(service: Service, scripted: SmtpPeer, to: str) -> None:
    """Have the mailbox of an address be full."""
    scripted.script = {"rcpt": FULL}
    await mail(service, to)
    scripted.script = {}


async def test_unknown_address_has_a_state(service: Service) -> None:
    """An address that was never mailed is unknown, and help is there for it."""
    state = await post(service, "state", address=new())
    assert state.pop("guidance").keys() == {"ja", "en"}
    assert state == {
        "address": "h***@docomo.ne.jp",
        "state": "unknown",
        "since": None,
        "until": None,
        "category": None,
        "evidence": [],
    }


async def test_full_mailbox_is_told_until_a_mail_arrives(service: Service, scripted: SmtpPeer) -> None:
    """Message, event, state and the next submit's answer say that the mailbox is full, and what to do."""
    to = new()
    scripted.script = {"rcpt": FULL}
    message = await mail(service, to)
    state = await post(service, "state", address=to)
    (piece,) = state["evidence"]
    assert (piece["source"], piece["strength"], piece["stage"]) == ("smtp", "strong", "rcpt")
    assert (piece["reply"], piece["message"]) == ("552 5.2.2 Mailbox full", message["id"])
    assert state["state"] == state["category"] == "mailbox_full"
    note = {name: value for name, value in state.items() if name not in ("address", "evidence")}
    assert message["address"] == note
    changed, failed = (await service.events())[-2:]
    assert (changed["type"], failed["type"]) == ("address.changed", "message.failed")
    assert (changed["address"], changed["data"]["previous"]) == (to, "unknown")
    assert failed["data"]["address"] == note
    scripted.script = {}
    again = (await service.submit(to)).json()
    assert again["address"] == note
    assert "空き容量" in again["address"]["guidance"]["ja"]
    assert (await service.outcome(again["id"]))["address"] is None
    assert (await post(service, "state", address=to))["state"] == "deliverable"


async def test_fault_of_ours_does_not_flag(service: Service, scripted: SmtpPeer) -> None:
    """A mail that was refused because of us leaves the address as it was."""
    to = new()
    scripted.script = {"rcpt": OURS}
    assert (await mail(service, to))["address"] is None
    assert (await post(service, "state", address=to))["state"] == "unknown"


async def test_used_code_clears(service: Service, scripted: SmtpPeer) -> None:
    """The customer entered the code: whatever was said, the address is good."""
    to = new()
    message = await mail(service, to)
    await flagged(service, scripted, to)
    used = await service.client.post(f"/v1/messages/{message['id']}/used", json={})
    assert used.json()["address"] is None
    assert (await post(service, "state", address=to))["state"] == "deliverable"


async def test_operator_clears_and_says_why(service: Service, scripted: SmtpPeer) -> None:
    """The answer is the state then; the reason is in the event, and must be given."""
    to = new()
    await flagged(service, scripted, to)
    cleared = await post(service, "clear", address=to, reason="お客さまより連絡あり")
    assert (cleared["state"], cleared["evidence"]) == ("deliverable", [])
    (event,) = (await service.events())[-1:]
    assert (event["data"]["because"], event["data"]["reason"]) == ("operator", "お客さまより連絡あり")
    assert (await post(service, "clear", address=new(), reason="x"))["state"] == "unknown"
    for body in ({"address": to}, {"address": to, "reason": ""}, {"address": to, "reason": "x" * 201}):
        assert pointers(await service.client.post("/v1/addresses/clear", json=body)) == {"/reason"}


async def test_forgotten_address_is_as_never_mailed(service: Service, scripted: SmtpPeer) -> None:
    """State and messages are gone, and the next mail comes from another envelope sender."""
    to = new()
    message = await mail(service, to)
    sender = scripted.mails[-1].mail_line
    await flagged(service, scripted, to)
    assert (await post(service, "forget", address=to))["state"] == "unknown"
    problem(await service.client.get(f"/v1/messages/{message['id']}"), "not_found")
    await mail(service, to)
    assert scripted.mails[-1].mail_line.partition(b">")[0] != sender.partition(b">")[0]


async def test_address_with_a_queued_mail_is_not_forgotten(service: Service, scripted: SmtpPeer) -> None:
    """The mail that was accepted goes first."""
    to = new()
    scripted.script = {"rcpt": say("450 4.2.0 later")}
    queued = (await service.submit(to)).json()["id"]
    problem(await service.client.post("/v1/addresses/forget", json={"address": to}), "address_in_use")
    await service.client.post(f"/v1/messages/{queued}/cancel")
    await post(service, "forget", address=to)


@pytest.mark.parametrize("path", ["state", "clear", "forget"])
@pytest.mark.parametrize("address", ["", "taro", " taro@docomo.ne.jp", "taro＠docomo.ne.jp", "kanariya@-x.jp"])
async def test_text_that_is_no_address_is_refused(service: Service, path: str, address: str) -> None:
    """As in a submit nothing is repaired, and the text does not come back."""
    body = {"address": address} | ({"reason": "x"} if path == "clear" else {})
    answer = await service.client.post(f"/v1/addresses/{path}", json=body)
    assert pointers(answer) == {"/address"}
    assert "kanariya" not in answer.text


async def test_list_has_flagged_addresses_in_full_page_by_page(service: Service, scripted: SmtpPeer) -> None:
    """Pages follow each other by `next`; filters are a state and an instant."""
    mine = [new() for _ in range(3)]
    for to in mine:
        await flagged(service, scripted, to)
    since = (await post(service, "state", address=mine[0]))["since"]
    query = f"changed_after={since}&state=mailbox_full"
    found: list[str] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        cursor = f"&cursor={page['next']}" if page["next"] else ""
        page = (await service.client.get(f"/v1/addresses?{query}&limit=2{cursor}")).json()
        found += [view["address"] for view in page["addresses"]]
    assert found == mine
    refused = (await service.client.get(f"/v1/addresses?changed_after={since}&state=refused")).json()
    assert refused == {"addresses": [], "next": None}


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("state=deliverable", "state"),
        ("state=kanariya", "state"),
        ("changed_after=yesterday", "changed_after"),
        ("changed_after=2026-11-23T01:15:00", "changed_after"),
        ("cursor=kanariya", "cursor"),
        ("limit=0", "limit"),
        ("address=taro@docomo.ne.jp", "address"),
    ],
)
async def test_wrong_query_is_refused_by_name(service: Service, query: str, wrong: str) -> None:
    """Addresses travel in bodies only; a wrong filter must not answer with everything."""
    answer = await service.client.get(f"/v1/addresses?{query}")
    assert pointers(answer) == {wrong}
    assert "kanariya" not in answer.text


async def test_gauge_counts_addresses_by_state(service: Service, scripted: SmtpPeer) -> None:
    """`mailsvc_addresses` follows within seconds."""
    await flagged(service, scripted, new())
    listed = (await service.client.get("/v1/addresses?state=mailbox_full&limit=500")).json()["addresses"]
    line = f'mailsvc_addresses{{state="mailbox_full"}} {float(len(listed))}'
    async with asyncio.timeout(10):
        while line not in (await service.client.get("/metrics")).text:  # noqa: ASYNC110  it is another process
            await asyncio.sleep(0.1)


async def test_submitter_learns_the_note_but_not_the_state(service: Service, scripted: SmtpPeer) -> None:
    """The note is in its own answers; states of addresses, which are personal data, need scope read."""
    to = new()
    await flagged(service, scripted, to)
    headers = await key_with(service, "submit")
    body = {"to": to, "template": "login_code", "code": "042917"}
    answer = await service.client.post("/v1/messages", json=body, headers=headers)
    assert answer.json()["address"]["state"] == "mailbox_full"
    refused = await service.client.post("/v1/addresses/state", json={"address": to}, headers=headers)
    problem(refused, "forbidden")
