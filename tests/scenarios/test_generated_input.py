"""Generated input, hostile lists among it: each request is a clear refusal or exactly one exact mail (A5-A8).

The oracles are independent of the product: the recipient rules are spelled out here, and the standard library reads
the mail.
"""

import asyncio
import base64
import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.header import decode_header
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.environment import FULL_RUN
from tests.support.ledger import message_of
from tests.support.mails import parsed, words
from tests.support.service import Service
from tests.support.smtp_peer import Mail, SmtpPeer

COUNT = 20_000 if FULL_RUN else 2_000
CLIENTS = 16
CODE = "042917"
HEADERS = [
    *("DKIM-Signature", "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Language"),
]
REFUSALS = {400: {"malformed"}, 413: {"too_large"}, 422: {"invalid_request"}}
#: What a recipient may look like (RFC 5321 dot-string; docomo and au: dots anywhere but in front), and what is sent.
_ATEXT = "abcXYZ019!#$%&'*+/=?^_`{|}~-"
_PLAIN = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9.-]+", re.ASCII)
HOSTILE_TO = (
    *("", "@", "a@", "@b.test", "a@b", "a@b.test\r\nRCPT TO:<v@b.test>", "a@b.test\nDATA", "a@b.test SIZE=1"),
    *(
        "x@y.test <v@b.test>",
        "<a@b.test>",
        "a@b.test>",
        "a@b.test,v@b.test",
        "a@b.test;",
        "g: a@b.test;",
        "(c)a@b.test",
    ),
    *('"a"@b.test', '"a b"@b.test', '"a\\"b"@b.test', "a..b@b.test", ".a@b.test", "a.@b.test", "a@[127.0.0.1]"),
    *("a@127.0.0.1", "a@-b.test", "a@b-.test", "a@b..test", "a@.test", "a@b.test.", "a\0@b.test", "a@b.te\0st"),
    *("ａ@b.test", "a@ｂ.test", "a@b。test", "\u200ba@b.test", "a@℀.test", "a@㏕.test", "ﬀ@b.test", "\u212a@b.test"),
    *("=?utf-8?q?a?=@b.test", "a%b@c.test", "a!b@c.test", "a@xn--a.test", "日本@b.test", "a@" + "b" * 64 + ".test"),
    *("a" * 64 + "@b.test", "a" * 65 + "@b.test", "a@" + "b." * 126 + "test", "taro..t@docomo.ne.jp", "t.@ezweb.ne.jp"),
    *('"taro..t"@docomo.ne.jp', '"taro"@docomo.ne.jp', ".t@docomo.ne.jp", "a@b.test\u2028", "a@b.test\x85"),
)
HOSTILE_VALUES = (
    *(
        "",
        " ",
        "x" * 40,
        "x" * 41,
        "長" * 40,
        "長" * 41,
        "Windows\r\nBcc: v@b.test",
        "a\nb",
        "a\0b",
        "a\x0bb",
        "a\x85b",
    ),
    *(
        "{{ 7 * 7 }}",
        "{% raw %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ code }}",
        "{# x #}",
        "${7*7}",
        "<script>x</script>",
    ),
    *("http://evil", "www.evil", "evil.example", "a@b", "=?utf-8?q?a=0D=0ABcc?=", "123456", "１２３４５６", "①②③④⑤⑥"),
    *(".", "..", "\r\n.\r\n", "a\u202eb", "a\u200bb", "a\u2028b", "🙂", "\\", "'", '"', "&amp;", "%s%n", "=3D"),
    *("\ud7ff", "ｶﾅ", "12345"),
)
#: Bodies that are no submit.
HOSTILE_BODIES = (
    *(b"", b"null", b"[]", b'"x"', b"{", b"{}", b"\xff\xfe", b'{"to": NaN}', b"[" * 5000, b'{"a":' * 3000, b"1e999"),
    *(b'{"to":"a@b.test","to":"c@d.test"}', b'{"to":"\\ud800@b.test"}', b'{"code":"' + b"0" * 20_000 + b'"}'),
    *(b"a=1&b=2", b'{"to": "a@b.test", "template": "login_code", "code": "042917", "nosuch": 1}', b"\x00", b"{}{}"),
)
WRONG: dict[str, Sequence[Any]] = {
    "code": ("04291", "0429177", "０４２９１７", "042917\n", " 042917", 42917, None, "", "٠٤٢٩١٧", ["042917"]),
    "template": ("", "nosuch", "../login_code", 1, None, "login_code\0"),
    "locale": ("fr", "JA", "", None, 1),
    "expires_in": (29, 331, -1, 0, "300", 1e300, [], True),
    "expires_at": ("now", "2026-11-23", 1, "2026-11-23T10:20:00", "9999-12-31T23:59:59Z", ""),
    "challenge": ("", "a\nb", "x" * 129, 1, "\0"),
    "customer": ("", "\x7f", "x" * 129, {}),
    "context": ([], "x", {"environment": 1}, {"nosuch": "x"}, {"": "x"}, {"environment": None}, {"reference": "A7K2"}),
    "force": ("yes", 1, None),
}


@dataclass(slots=True)
class Case:
    """One request and what came of it."""

    body: bytes
    sent: dict[str, Any] | None  #: the body where it is a submit that may be taken
    answer: httpx2.Response | None = None


@pytest.mark.fault
@pytest.mark.timeout(600)
async def test_generated_request_is_a_refusal_or_an_exact_mail(tmp_path: Path) -> None:
    """Every request gets a documented refusal that repeats nothing, or a 202 and one mail as it was asked for."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    cases = [_case(rng) for _ in range(COUNT)]
    async with SmtpPeer() as peer:
        settings = {"ROUTE": f"smtp://127.0.0.1:{peer.port}?tls=none", "LOG": "warning"}
        async with Service(folder=tmp_path, settings=settings) as service:
            todo = iter(cases)
            await asyncio.gather(*(_client(service, todo) for _ in range(CLIENTS)))
            taken = {_answer(case).json()["id"]: case for case in cases if _answer(case).status_code == 202}
            states = {(await service.outcome(message_id))["state"] for message_id in taken}
            stored = {event["message"]: event["address"] for event in await service.events()}
    mails = defaultdict(list)
    for mail in peer.mails:
        mails[message_of(mail)].append(mail)
    assert states == {"sent"}
    assert mails.keys() == taken.keys()
    assert COUNT / 5 < len(taken) < COUNT * 4 / 5, "the generators are one-sided"
    for case in cases:
        if _answer(case).status_code != 202:
            _check_refusal(case)
    for message_id, case in taken.items():
        (mail,) = mails[message_id]
        assert case.sent is not None, case.body
        _check_mail(mail, case, stored[message_id])


def _answer(case: Case) -> httpx2.Response:
    assert case.answer is not None
    return case.answer


async def _client(service: Service, todo: Iterator[Case]) -> None:
    for case in todo:
        case.answer = await _ask(service, case.body)


async def _ask(service: Service, body: bytes) -> httpx2.Response:
    """Return the answer to a request; one that the service has no room for now is made again when it says."""
    while True:
        answer = await service.client.post("/v1/messages", content=body)
        if answer.status_code != 503:
            return answer
        # A machine that stands still for ten seconds is enough: this process is the server that the mails go to.
        assert answer.json()["type"] in ("/problems/overloaded", "/problems/unavailable")
        await asyncio.sleep(int(answer.headers["retry-after"]))


def _case(rng: random.Random) -> Case:
    if rng.random() < 0.05:
        body = rng.choice(HOSTILE_BODIES)
        return Case(body, None)
    sent: dict[str, Any] = {"to": _to(rng), "template": "login_code", "code": CODE, "locale": rng.choice(("ja", "en"))}
    if rng.random() < 0.6:
        sent["context"] = {"environment": _value(rng)}
    if rng.random() < 0.1:
        name = rng.choice(list(WRONG))
        return Case(_json(sent | {name: rng.choice(WRONG[name])}), None)
    return Case(_json(sent), sent)


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _to(rng: random.Random) -> str:
    """Return a recipient: valid, hostile, or a valid one that was changed in one place."""
    local = ".".join("".join(rng.choices(_ATEXT, k=rng.randint(1, 9))) for _ in range(rng.randint(1, 3)))
    domain = rng.choice(("example.jp", "a-b.example.com", "x.co.jp", "Example.ORG", "xn--wgv71a.jp"))
    carrier = rng.choice(("taro..t", "t.", "a-.-b", "x_..y", "plain")) + rng.choice(("@docomo.ne.jp", "@EZweb.ne.jp"))
    pick: Callable[[], str] = rng.choice(
        (lambda: f"{local}@{domain}", lambda: f"{local}@{domain}", lambda: carrier, lambda: rng.choice(HOSTILE_TO))
    )
    address = pick()
    if address and rng.random() < 0.2:
        at = rng.randrange(len(address))
        address = address[:at] + rng.choice('\r\n\0 <>"(),:;@[]\\.é。　\u200b\x7f') + address[at:]
    return address


def _value(rng: random.Random) -> str:
    """Return a context value: hostile, or characters of any kind."""
    if rng.random() < 0.5:
        return rng.choice(HOSTILE_VALUES)
    kinds = ("abc XYZ /-_.", "ログイン環境、。（）", "0123", "éßñ", "𠮷🙂", "{}%#<>&\"'\\", "\x00\x1b\u202e")
    return "".join(rng.choice(rng.choice(kinds[: 7 if rng.random() < 0.1 else 6])) for _ in range(rng.randint(1, 30)))


def _check_refusal(case: Case) -> None:
    answer = _answer(case)
    assert answer.headers["content-type"] == "application/problem+json", case.body
    problem = answer.json()
    assert problem["type"].removeprefix("/problems/") in REFUSALS[answer.status_code], case.body
    assert problem["detail"]
    for value in (case.sent["to"], case.sent.get("context", {}).get("environment", "")) if case.sent else ():
        assert len(value) < 8 or value not in answer.text, "a refusal repeats the value"


def _check_mail(mail: Mail, case: Case, address: str) -> None:
    """Check one mail against its request: the recipient octet for octet, each header once, the words."""
    assert case.sent is not None
    assert mail.rcpt_line == f"RCPT TO:<{address}>\r\n".encode()
    assert address == _wire(case.sent["to"]), case.sent
    head = mail.data.partition(b"\r\n\r\n")[0]
    names = re.findall(r"^([^ \t:]+):", head.decode("ascii"), re.MULTILINE)
    assert names == HEADERS, case.sent
    assert f"\r\nTo: {address}\r\n".encode() in head.replace(b"\r\n ", b" ").replace(b": \r\n", b": ")
    message = parsed(mail.data)
    assert CODE not in "".join(str(part) for part, _ in decode_header(str(message["Subject"])))
    text = words(mail.data)
    assert base64.b64decode(mail.data.partition(b"\r\n\r\n")[2]).decode().replace("\r\n", "\n") == text
    assert re.findall(r"(?<!\d)\d{6}(?!\d)", text) == [CODE]
    value = case.sent.get("context", {}).get("environment")
    if value is not None:
        assert _solid(value) in _solid(text), case.sent


def _wire(to: str) -> str:
    """Return how a recipient goes on the wire: as it was written, quoted where dots ask for it, domain in A-labels."""
    local, _, domain = to.rpartition("@")
    domain = domain if domain.isascii() else domain.lower()  # an internationalised name has one spelling
    labels = [label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in domain.split(".")]
    dotted = domain.lower() in ("docomo.ne.jp", "ezweb.ne.jp") and not _PLAIN.fullmatch(to)
    return f'"{local}"@{domain}' if dotted and local[0] != '"' else f"{local}@{'.'.join(labels)}"


def _solid(text: str) -> str:
    """Return a text without blanks: lines are broken where they are too long."""
    return "".join(text.split())
