"""Our signatures before two judges that share no code with us or each other: dkimpy, and mailauth under node.

With ``MAILSVC_TEST_FULL=1`` each judge sees 10,000 generated mails and 10,000 tampered ones.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailsvc.signing.keys import KeyRing
from mailsvc.signing.signer import SIGNED, Signer
from mailsvc.signing.verify import _holds
from tests.support import mailauth
from tests.support.environment import FULL_RUN

Judge = Callable[[bytes, Mapping[str, str]], list[bool]]
Headers = list[tuple[str, bytes]]

NOW = time.time()
EXAMPLES = 10_000 if FULL_RUN else 150
generated = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    ring = KeyRing(Path(tmp_path_factory.mktemp("dkim")), "mail.example.jp")
    for algorithm in ("rsa-sha256", "ed25519-sha256"):
        ring.activate(ring.new(algorithm, NOW).selector, published=None)
    return Signer(ring.active(), ring.domain)


@pytest.fixture(scope="module", params=["dkimpy", "mailauth"])
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    if request.param == "dkimpy":
        yield lambda raw, records: [_holds(raw, index, records.get) for index in range(2)]
    else:
        with mailauth.verifier() as verify:
            yield verify


# --- mails ---

PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
BLANKS = st.sampled_from([b" ", b"  ", b"\t", b" \t ", b"\r\n ", b"\r\n\t", b" \r\n  "])
WORDS = st.text(PRINTABLE, min_size=1, max_size=12).map(str.encode) | st.sampled_from(
    [b"<no-reply@mail.example.jp>", b"=?UTF-8?B?6KqN6Ki844Kz44O844OJ?=", "証券".encode(), b"base64"]
)
LINES = st.text("aZ9+/=. \t", max_size=30).map(str.encode)
OTHER = st.sampled_from(["Received", "Auto-Submitted", "X-Long-Name", "List-Id"])


@st.composite
def values(draw: st.DrawFn) -> bytes:
    """Draw a header value: at least one word, runs of blanks and folds anywhere between, before and (blanks) after."""
    words = draw(st.lists(WORDS, min_size=1, max_size=4))
    gaps = draw(st.lists(BLANKS, min_size=len(words), max_size=len(words)))
    value = b"".join(gap + word for gap, word in zip(gaps, words, strict=True))
    return value + draw(st.sampled_from([b"", b" ", b"\t "]))


@st.composite
def mails(draw: st.DrawFn) -> tuple[Headers, bytes]:
    """Draw headers in any order, sometimes absent, doubled or unsigned ones, and any body of CRLF lines."""
    names = [*SIGNED[:8], *draw(st.lists(st.sampled_from([*SIGNED[1:], "Reply-To"]) | OTHER, max_size=3))]
    absent = draw(st.sampled_from([None, None, *SIGNED[1:8]]))
    names = draw(st.permutations([name.title() for name in names if name != absent]))
    lines = draw(st.lists(LINES, max_size=6))
    return [(name, draw(values())) for name in names], b"".join(line + b"\r\n" for line in lines)


def signed(signer: Signer, headers: Headers, body: bytes) -> tuple[bytes, bytes, bytes]:
    """Sign, and return the three parts of the mail: signature fields, other header fields, body."""
    fields = b"".join(field(name, value) for name, value in headers)
    return signer.sign(headers, body, at=NOW, expires=NOW + 300), fields, body


def field(name: str, value: bytes) -> bytes:
    return name.encode() + b":" + value + b"\r\n"


def records(signer: Signer) -> dict[str, str]:
    return {key.info.name: key.info.value for key in signer.keys}


# --- tampering: each changes what is signed, and nothing else ---


def other_octet(data: st.DataObject, text: bytes) -> bytes:
    """Replace one visible octet of ``text`` by another."""
    places = [i for i, octet in enumerate(text) if 0x20 < octet < 0x7F]
    if not places:
        return text + b"!"
    place = data.draw(st.sampled_from(places))
    return text[:place] + (b"#" if text[place : place + 1] != b"#" else b"%") + text[place + 1 :]


def change_value(data: st.DataObject, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    places = [i for i, (name, _) in enumerate(headers) if name.lower() in SIGNED]
    place = data.draw(st.sampled_from(places))
    name, value = headers[place]
    return [*headers[:place], (name, other_octet(data, value)), *headers[place + 1 :]], body


def remove_field(data: st.DataObject, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    gone = data.draw(st.sampled_from([i for i, (name, _) in enumerate(headers) if name.lower() in SIGNED]))
    return headers[:gone] + headers[gone + 1 :], body


def add_field(data: st.DataObject, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    added = (data.draw(st.sampled_from(SIGNED)).title(), data.draw(values()))
    return data.draw(st.sampled_from([[added, *headers], [*headers, added]])), body


def change_body(data: st.DataObject, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    return headers, other_octet(data, body)


def append_text(data: st.DataObject, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    return headers, body + data.draw(st.sampled_from([b".\r\n", b"\r\n x\r\n", b"https://example.com/\r\n"]))


def cut_text(_data: st.DataObject, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    text = body.rstrip()
    return headers, text[:-1] + b"\r\n" if text else b"x\r\n"


def raise_number(match: re.Match[bytes]) -> bytes:
    return match[1] + b"%d" % (int(match[2]) + 1)


FORGERIES: list[Callable[[bytes], bytes]] = [
    lambda field: re.sub(rb"( t=)(\d+)", raise_number, field),
    lambda field: re.sub(rb"( x=)(\d+)", raise_number, field),
    lambda field: re.sub(rb" x=\d+;", b"", field),
    lambda field: field.replace(b" h=from:from:", b" h=from:"),
    lambda field: re.sub(rb":(\r\n )?reply-to;", b";", field),
    lambda field: field.replace(b" bh=", b" l=0; bh="),
    lambda field: field.replace(b"c=relaxed/relaxed", b"c=simple/relaxed"),
    lambda field: re.sub(rb"( b=)(.)", lambda m: m[1] + (b"A" if m[2] != b"A" else b"B"), field),
    lambda field: re.sub(rb"(bh=)(.)", lambda m: m[1] + (b"A" if m[2] != b"A" else b"B"), field),
]
TAMPERINGS = [change_value, remove_field, add_field, change_body, append_text, cut_text]


@generated
@given(mail=mails())
def test_signature_of_any_mail_holds(signer: Signer, judge: Judge, mail: tuple[Headers, bytes]) -> None:
    """Whatever the header values, their folding and the body are, both signatures hold."""
    fields, headers, body = signed(signer, *mail)
    assert judge(fields + headers + b"\r\n" + body, records(signer)) == [True, True]


@generated
@given(mail=mails(), tamper=st.sampled_from(TAMPERINGS), data=st.data())
def test_signature_of_tampered_mail_fails(
    signer: Signer,
    judge: Judge,
    mail: tuple[Headers, bytes],
    tamper: Callable[..., tuple[Headers, bytes]],
    data: st.DataObject,
) -> None:
    """A changed, removed or added signed field, or a changed, cut or longer body, and neither signature holds."""
    fields, _, _ = signed(signer, *mail)
    headers, body = tamper(data, *mail)
    raw = fields + b"".join(field(name, value) for name, value in headers) + b"\r\n" + body
    assert not any(judge(raw, records(signer)))


@settings(generated, max_examples=EXAMPLES // 10)
@given(mail=mails(), forge=st.sampled_from(FORGERIES))
def test_signature_with_forged_tag_fails(
    signer: Signer, judge: Judge, mail: tuple[Headers, bytes], forge: Callable[[bytes], bytes]
) -> None:
    """No tag of the signature fields can be changed, dropped or added."""
    fields, headers, body = signed(signer, *mail)
    forged = forge(fields)
    assert forged != fields
    assert not any(judge(forged + headers + b"\r\n" + body, records(signer)))


@pytest.mark.parametrize("name", SIGNED)
@pytest.mark.parametrize("place", ["first", "above", "below"])
def test_added_field_at_any_place_fails(signer: Signer, judge: Judge, name: str, place: str) -> None:
    """A second field of each signed name is refused wherever it is put: before the signatures, after them, last."""
    fields, headers, body = signed(signer, [("From", b" a@mail.example.jp"), ("Subject", b" x")], b"x\r\n")
    added = field(name.title(), b" b@example.com")
    raw = {
        "first": added + fields + headers,
        "above": fields + added + headers,
        "below": fields + headers + added,
    }[place]
    assert not any(judge(raw + b"\r\n" + body, records(signer)))


def test_signature_after_x_fails(signer: Signer, judge: Judge) -> None:
    """A code mail replayed more than a week after its expiry does not verify any more."""
    headers, body = [("From", b" a@mail.example.jp")], b"x\r\n"
    old = NOW - 8 * 86400
    raw = signer.sign(headers, body, at=old, expires=old + 300) + field(*headers[0]) + b"\r\n" + body
    assert not any(judge(raw, records(signer)))
