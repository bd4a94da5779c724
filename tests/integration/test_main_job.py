"""A code from HTTP to the inbox, through the real service and real SMTP."""

import base64
import re
from pathlib import Path

import pytest

from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import HANG, in_turn, say


async def test_submitted_code_arrives_as_the_contract_says(tmp_path: Path) -> None:
    """A 202 is followed by one mail on the wire whose bytes obey CONTRACT 4, and by the state sent."""
    async with SmtpPeer() as peer, Service(folder=tmp_path, settings=_route(peer)) as service:
        accepted = (await service.submit("Taro@Example.jp", challenge="c1", customer="k1")).json()
        message = await service.outcome(accepted["id"])
    assert message["state"] == "sent"
    assert message["outcome"]["category"] == "delivered"
    assert message["outcome"]["relayed"] is True
    (mail,) = peer.mails
    assert re.fullmatch(rb"MAIL FROM:<b\+[a-z2-7]{24}@mail\.example\.jp>.*", mail.mail_line.strip())
    assert mail.rcpt_line.startswith(b"RCPT TO:<Taro@Example.jp>")
    headers, _, body = mail.data.partition(b"\r\n\r\n")
    assert b"\n" not in mail.data.replace(b"\r\n", b"")
    assert all(len(line) <= 76 for line in body.split(b"\r\n"))
    text = base64.b64decode(body).decode()
    assert re.findall(r"(?<!\d)\d{6}(?!\d)", text) == ["042917"]
    assert "認証コード：042917" in text.split("\r\n")
    assert f"受付番号：{accepted['reference']}" in text
    assert headers.startswith(b"DKIM-Signature:")


async def test_newer_code_supersedes_one_that_waits(tmp_path: Path) -> None:
    """A code whose try was deferred is superseded by a newer one of its challenge and never leaves."""
    script = {"rcpt": in_turn(say("450 4.2.0 greylisted"), say("250 2.1.5 ok"))}
    async with SmtpPeer(script=script) as peer, Service(folder=tmp_path, settings=_route(peer)) as service:
        old = (await service.submit(challenge="c1")).json()
        while not (await service.client.get(f"/v1/messages/{old['id']}")).json()["attempts"]:
            pass
        new = (await service.submit(challenge="c1", code="111222", template="login_code_reissued")).json()
        assert new["superseded"] == [old["id"]]
        assert (await service.outcome(new["id"]))["state"] == "sent"
        superseded = await service.outcome(old["id"])
    assert superseded["state"] == "superseded"
    assert superseded["attempts"][0]["category"] == "greylisted"
    assert len(peer.mails) == 1


@pytest.mark.parametrize(
    ("reply", "category"), [("550 5.1.1 no such user", "user_unknown"), ("552 5.2.2 full", "mailbox_full")]
)
async def test_refused_recipient_fails_with_its_category(tmp_path: Path, reply: str, category: str) -> None:
    """A permanent refusal at RCPT ends the message at once, in the words of the server."""
    async with (
        SmtpPeer(script={"rcpt": say(reply)}) as peer,
        Service(folder=tmp_path, settings=_route(peer)) as service,
    ):
        message = await service.outcome((await service.submit()).json()["id"])
    assert (message["state"], message["outcome"]["category"]) == ("failed", category)
    assert message["outcome"]["reply"] == reply
    assert not peer.mails


async def test_cancelled_message_is_not_handed_over(tmp_path: Path) -> None:
    """A message cancelled before its dot ends as cancelled although its attempt is under way."""
    script = {"data": HANG}
    async with SmtpPeer(script=script) as peer, Service(folder=tmp_path, settings=_route(peer)) as service:
        accepted = (await service.submit()).json()
        while not any(line.startswith(b"RCPT") for line in peer.lines):
            await service.client.get("/healthz")
        answer = await service.client.post(f"/v1/messages/{accepted['id']}/cancel")
        assert answer.json()["state"] == "cancelled"
        events = [event["type"] for event in await service.events()]
    assert events == ["message.accepted", "message.cancelled"]
    assert not peer.mails


def _route(peer: SmtpPeer) -> dict[str, str]:
    return {"ROUTE": f"smtp://127.0.0.1:{peer.port}?tls=none"}
