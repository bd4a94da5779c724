"""A login code is nowhere but in its mail, whatever became of the message (RELIABILITY P17).

Canary codes go every way a code can go; then every file of the data folder, what the service printed, and every answer
are searched. Sealed codes may stay: they are searched for as the letters that they are.
"""

import asyncio
import base64
import json
import quopri
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.canaries import canaries, found_in
from tests.support.environment import FULL_RUN
from tests.support.ledger import ambiguous, collect
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import CLOSE, HANG, Act, Session, say

COUNT = 1000 if FULL_RUN else 100
CLIENTS = 8
#: Life (seconds) that leaves time for two tries and for no repeat after a lost dot.
SHORT = 40
#: How a message ends, by what its recipient is called; the peer's script does the rest.
ENDS = {
    "sent": "sent",
    "failed": "failed",
    "quoted": "failed",
    "later": "expired",
    "grey": "expired",
    "cut": "unknown",
    "superseded": "superseded",
    "cancelled": "cancelled",
}
#: Requests that are refused, though they hold a code.
REFUSED: tuple[Callable[[str], dict[str, Any] | str], ...] = (
    lambda code: {"to": "no address", "template": "login_code", "code": code},
    lambda code: {"to": f"{code}@", "template": "login_code", "code": code},
    lambda code: {"to": "taro@example.jp", "template": "login_code", "code": int("1" + code)},
    lambda code: {"to": "taro@example.jp", "template": "login_code", "code": code + "0"},
    lambda code: {"to": "taro@example.jp", "template": "address_changed", "code": code},
    lambda code: {"to": "taro@example.jp", "template": "login_code", "code": code, "context": {"environment": code}},
    lambda code: {"to": "taro@example.jp", "template": "login_code", "code": code, "locale": code},
    lambda code: {"to": "taro@example.jp", "template": code, "code": code},
    lambda code: {"to": "taro@example.jp", "template": "login_code", "code": code, "expires_at": code},
    lambda code: f'{{"code": "{code}", "code": "{code}"}}',
    lambda code: f'{{"to": "taro@example.jp", "code": "{code}"',
    lambda code: f'{{"code": "{code}{" " * 20_000}"}}',
)


@pytest.mark.fault
@pytest.mark.timeout(600)
async def test_code_of_any_message_is_found_nowhere(tmp_path: Path) -> None:
    """Codes that were sent, refused, late, superseded, cancelled, lost or rejected are in no file and no answer."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    codes = canaries(COUNT, random.Random(seed))
    secret = frozenset(codes)
    folder = tmp_path / "data"
    async with SmtpPeer(script={"rcpt": _rcpt, "data": _data, "dot": _dot(codes)}) as peer:
        settings = {"ROUTE": f"smtp://127.0.0.1:{peer.port}?tls=none", "LOG": "debug"}
        async with Service(folder=folder, settings=settings) as service:
            answers = await _send_all(service, codes)
            await service.kill()
            assert leaks(folder, secret) == {}, "while codes are live"
            await service.start()
            kept = await _everything(service, [answer.json()["id"] for answer in answers if answer.status_code == 202])
    assert found_in("\n".join([answer.text for answer in answers] + kept).encode(), secret) == set()
    assert leaks(folder, secret) == {}
    mailed = found_in(b"".join(mail.raw for mail in peer.mails), secret)
    assert len(mailed) > COUNT / 4, "the search does not find the codes in the mails, where they are"
    with_code = next(mail.raw for mail in peer.stored if found_in(mail.raw, secret))
    (folder / "planted").write_bytes(with_code)
    assert leaks(folder, secret).keys() == {"planted"}


@pytest.mark.parametrize(
    "form",
    [
        str.encode,
        lambda text: base64.b64encode(text.encode()),
        lambda text: base64.b64encode(b"1" + text.encode()),
        lambda text: base64.b64encode(b"22" + text.encode()).rstrip(b"="),
        lambda text: base64.urlsafe_b64encode(b">>?" + text.encode()),
        lambda text: base64.encodebytes(("認証コード：" * 4 + text).encode() * 3),
        lambda text: quopri.encodestring(text.encode()),
        lambda text: "".join(f"={octet:02X}" for octet in text.encode()).encode(),
        lambda text: "".join(f"%{octet:02x}" for octet in text.encode()).encode(),
        lambda text: "".join(f"\\u00{octet:02x}" for octet in text.encode()).encode(),
        lambda text: text.encode().hex().encode(),
        lambda text: b"0" + text.encode().hex().upper().encode(),
        lambda text: text.encode("utf-16le"),
        lambda text: text.encode("utf-16be"),
        lambda text: f"at 2026-11-23T01:15:00.123456Z code {text}".encode(),
        lambda text: f'{{"code":{text}}}'.encode(),
    ],
)
@pytest.mark.parametrize("around", ["{}", "code={}", "認証コード：{}\r\n", "abcd{}x"])
def test_search_planted_code_is_found(form: Callable[[str], bytes], around: str) -> None:
    """The search finds a code in every form it claims to know, between other text."""
    code = "180294"
    planted = b"\x00\xffbefore " + form(around.format(code)) + b" after\xff"
    assert found_in(planted, frozenset({code, "999990"})) == {code}


def test_search_of_times_fractions_and_digests_finds_nothing() -> None:
    """Digits that stand in times, fractions and digests by chance are not taken for codes."""
    text = b'2026-11-25T02:58:30.621688Z 1.7640419106216e+09 "log":"ab62168801234567" mailsvc_x 0.621688'
    assert found_in(text, frozenset({"621688", "041910"})) == set()


def leaks(folder: Path, codes: frozenset[str]) -> dict[str, frozenset[str]]:
    """Return which codes stand in which files of a data folder, captured mail aside."""
    files = (file for file in folder.rglob("*") if file.is_file() and "capture" not in file.parts)
    found = {file.name: found_in(file.read_bytes(), codes) for file in files}
    return {name: some for name, some in found.items() if some}


async def _send_all(service: Service, codes: list[str]) -> list[httpx2.Response]:
    """Send every code its way, few at a time: nothing is to be refused for being too much."""
    places = asyncio.Semaphore(CLIENTS)

    async def send(index: int) -> httpx2.Response:
        async with places:
            return await _send(service, index, codes)

    return await asyncio.gather(*(send(index) for index in range(COUNT)))


async def _send(service: Service, index: int, codes: list[str]) -> httpx2.Response:
    """Send a code its way; return the answer."""
    kinds = (*ENDS, "rejected")
    kind, code = kinds[index % len(kinds)], codes[index]
    if kind == "rejected":
        body = REFUSED[index // len(kinds) % len(REFUSED)](code)
        text = body if isinstance(body, str) else json.dumps(body)
        answer = await service.client.post(f"/v1/messages?code={code}", content=text)
        await service.client.get(f"/v1/messages/{code}")
        assert answer.status_code in (400, 413, 422), answer.text
        return answer
    fields: dict[str, Any] = {"to": f"{kind}.{index}@example.jp", "challenge": f"c-{index}"}
    fields |= {"idempotency_key": f"k-{index}", "expires_in": SHORT if kind in ("later", "grey", "cut") else 300}
    answer = await service.submit(code=code, **fields)
    if kind == "superseded":
        await service.submit(f"sent.{index}@example.jp", code=code[::-1], challenge=f"c-{index}")
    if kind == "cancelled":
        await service.client.post(f"/v1/messages/{answer.json()['id']}/cancel")
    conflict = await service.submit(code=code, **fields | {"to": "taro@example.jp"})
    assert (answer.status_code, conflict.status_code) == (202, 422), answer.text
    return answer


async def _everything(service: Service, ids: list[str]) -> list[str]:
    """Return all that the service shows once every message has ended as it should."""
    views = [await service.outcome(message_id) for message_id in ids]
    log = await service.events()
    expected = {event["message"]: ENDS[event["address"].partition(".")[0]] for event in log if event["message"]}
    for view in views:
        assert view["state"] in _may_end(view, expected[view["id"]]), view
    assert {view["state"] for view in views} == set(ENDS.values())
    found = await collect(service, [])
    metrics = await service.client.get("/metrics")
    assert metrics.status_code == 200
    return [json.dumps([views, log, *found.messages.values()], ensure_ascii=False), metrics.text]


def _may_end(view: dict[str, Any], end: str) -> set[str]:
    """Return the states in which a message may end that ends so undisturbed: the kill may have met it at its dot."""
    if not ambiguous(view):
        return {end}
    return {"sent", "unknown"} if end == "sent" else {"unknown"}


def _kind(session: Session) -> tuple[str, int]:
    name = session.rcpt_line.partition(b"<")[2].partition(b"@")[0].decode()
    kind, _, index = name.partition(".")
    return kind, int(index)


def _rcpt(session: Session) -> Act:
    kind, _ = _kind(session)
    replies = {"failed": "550 5.1.1 no such user", "grey": "450 4.2.0 greylisted"}
    return say(replies.get(kind, "250 2.1.5 Ok"))


def _data(session: Session) -> Act:
    """Keep those waiting that are to be revoked before their dot."""
    return HANG if _kind(session)[0] in ("superseded", "cancelled") else say("354 Go ahead")


def _dot(codes: list[str]) -> Callable[[Session], Act]:
    """Take the mail, lose it, or refuse it in words that quote it, as content filters do."""

    def act(session: Session) -> Act:
        kind, index = _kind(session)
        quoted = {"quoted": f"554 5.7.1 spam: 認証コード：{codes[index]}", "later": f"451 4.7.1 code={codes[index]}?"}
        return CLOSE if kind == "cut" else say(quoted.get(kind, "250 2.0.0 Ok"))

    return act
