"""`Idempotency-Key`: one mail and one answer, whatever is repeated (CONTRACT 3.1)."""

import asyncio
import json

import httpx2
import pytest

from tests.support.api import exchange, key_with, pointers, post, problem
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODY = {"to": "taro@example.jp", "template": "login_code", "code": "042917", "challenge": "c"}


async def again(service: Service, key: str, body: str = json.dumps(BODY), **headers: str) -> httpx2.Response:
    """Submit with an idempotency key."""
    return await service.client.post("/v1/messages", content=body, headers=headers | {"Idempotency-Key": key})


def to(recipient: str) -> str:
    """Return the body for a recipient of one test only."""
    return json.dumps(BODY | {"to": recipient})


def mails_to(peer: SmtpPeer, recipient: str) -> int:
    """Count the mails that a recipient got."""
    return sum(recipient.encode() in mail.rcpt_line for mail in peer.mails)


async def test_repeated_request_gets_the_same_answer_and_no_second_mail(service: Service, peer: SmtpPeer) -> None:
    """The replay is the first answer as it was, marked, even after the message has become final."""
    first = await again(service, "repeat", to("repeat@example.jp"))
    assert (await service.outcome(first.json()["id"]))["state"] == "sent"
    second = await again(service, "repeat", to("repeat@example.jp"))
    assert (second.status_code, second.json()) == (202, first.json())
    assert (first.headers.get("idempotent-replay"), second.headers["idempotent-replay"]) == (None, "true")
    assert second.headers["location"] == first.headers["location"]
    assert mails_to(peer, "repeat@example.jp") == 1


async def test_same_document_in_another_spelling_is_the_same_body(service: Service) -> None:
    """Blanks, escapes and the order of members do not make another request."""
    first = await again(service, "spelling", '{"to":"taro@example.jp","template":"login_code","code":"042917"}')
    second = await again(
        service, "spelling", '{ "code": "\\u003042917", "template": "login_code",\n "to": "taro@example.jp" }'
    )
    assert second.json() == first.json()


@pytest.mark.parametrize(
    "body",
    [
        '{"to":"taro@example.jp","template":"login_code","code":"042918"}',
        '{"to":"Taro@example.jp","template":"login_code","code":"042917"}',
        '{"to":"taro@example.jp","template":"login_code","code":"042917","force":false}',
        '{"to":"no address","nosuch":1}',
        "{}",
    ],
)
async def test_another_body_under_the_key_is_a_conflict(service: Service, body: str) -> None:
    """A key that has answered one body refuses every other, before it looks at what is wrong with it."""
    key = f"conflict-{hash(body)}"
    await again(service, key, '{"to":"taro@example.jp","template":"login_code","code":"042917"}')
    problem(await again(service, key, body), "idempotency_conflict")


async def test_parallel_requests_make_one_mail(service: Service, peer: SmtpPeer) -> None:
    """Of eight requests at one time one is accepted and seven get its answer."""
    answers = await asyncio.gather(*(again(service, "parallel", to("parallel@example.jp")) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [answer.headers.get("idempotent-replay") for answer in answers].count(None) == 1
    await service.outcome(answers[0].json()["id"])
    assert mails_to(peer, "parallel@example.jp") == 1


async def test_refusal_is_not_stored(service: Service) -> None:
    """A refused request leaves its key free: mended and sent again, it is accepted."""
    problem(await again(service, "mended", '{"to":"taro@example.jp","template":"login_code"}'), "invalid_request")
    answer = await again(service, "mended")
    assert answer.status_code == 202
    assert "idempotent-replay" not in answer.headers


async def test_keys_of_two_callers_never_meet(service: Service) -> None:
    """An idempotency key belongs to its API key: another caller's is another request."""
    mine = await again(service, "shared")
    theirs = await again(service, "shared", **await key_with(service, "submit"))
    assert theirs.status_code == 202
    assert theirs.json()["id"] != mine.json()["id"]


@pytest.mark.parametrize("key", ["k", "x" * 255, '"quoted"', "~!@#$%^&*()", "8e03978e-40d5-43dd-bc93-6894a57f9324"])
async def test_visible_ascii_is_a_key(service: Service, key: str) -> None:
    """Any 1 to 255 visible ASCII characters will do."""
    first, second = await again(service, key), await again(service, key)
    assert first.json() == second.json()


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "日本", "tab\tinside"], ids=repr)
async def test_other_text_is_no_key(service: Service, key: str) -> None:
    """An empty, overlong or unreadable key is refused: it would not protect from anything."""
    octets = post("/v1/messages", b"{}", "Idempotency-Key: " + key.encode().decode("latin-1"))
    assert pointers(await exchange(service, octets)) == {"Idempotency-Key"}


async def test_two_keys_are_refused(service: Service) -> None:
    """A request with two keys does not say under which of them it is to be found again."""
    octets = post("/v1/messages", b"{}", "Idempotency-Key: a", "Idempotency-Key: b")
    assert pointers(await exchange(service, octets)) == {"Idempotency-Key"}
