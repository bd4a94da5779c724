import re
from base64 import b64decode
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.signing.key import DkimKeyError, SigningKey, describe
from mailsvc.signing.keys import KeyRing
from mailsvc.signing.signer import SIGNED, Signer, relaxed_body, relaxed_header

NOW = datetime(2026, 11, 23, 1, 15, tzinfo=UTC).timestamp()
HEADERS = [
    ("From", b" no-reply@mail.example.jp"),
    ("To", b" taro@docomo.ne.jp"),
    ("Subject", b" =?UTF-8?B?6KqN6Ki844Kz44O844OJ?="),
    ("Date", b" Mon, 23 Nov 2026 10:15:00 +0900"),
    ("Message-ID", b" <msg_1@mail.example.jp>"),
    ("MIME-Version", b" 1.0"),
    ("Content-Type", b" text/plain; charset=utf-8"),
    ("Content-Transfer-Encoding", b" base64"),
    ("Auto-Submitted", b" auto-generated"),
]
BODY = b"6KqN6Ki844Kz44O844OJ\r\n"


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    ring = KeyRing(Path(tmp_path_factory.mktemp("dkim")), "mail.example.jp")
    for algorithm in ("rsa-sha256", "ed25519-sha256"):
        ring.activate(ring.new(algorithm, NOW).selector, published=None)
    return Signer(ring.active(), ring.domain)


def tags(field: bytes) -> dict[str, str]:
    """Read a signature field's tags without their folding."""
    text = re.sub(r"\s", "", field.decode().partition(":")[2])
    return dict(tag.split("=", 1) for tag in text.split(";"))


def sign(signer: Signer, headers: list[tuple[str, bytes]], body: bytes = BODY) -> list[bytes]:
    """Return the signature fields one by one."""
    block = signer.sign(headers, body, at=NOW, expires=NOW + 300)
    return [b"DKIM-Signature:" + part for part in block.split(b"DKIM-Signature:")[1:]]


def test_sign_gives_one_field_per_key(signer: Signer) -> None:
    """RSA comes first, then Ed25519, each with its algorithm, selector, domain and relaxed canonicalisation."""
    first, second = map(tags, sign(signer, HEADERS))
    assert (first["a"], first["s"]) == ("rsa-sha256", "s2611a")
    assert (second["a"], second["s"]) == ("ed25519-sha256", "e2611a")
    for field in (first, second):
        assert (field["v"], field["c"], field["d"]) == ("1", "relaxed/relaxed", "mail.example.jp")
        assert set(field) == {"v", "a", "c", "d", "s", "t", "x", "h", "bh", "b"}


def test_sign_states_its_time_in_whole_seconds(signer: Signer) -> None:
    """``t=`` is the instant given and ``x=`` the mail's expiry plus seven days, in whole seconds."""
    field = tags(signer.sign(HEADERS, BODY, at=NOW + 0.9, expires=NOW + 300.5).partition(b"\r\nDKIM")[0])
    assert field["t"] == f"{NOW:.0f}"
    assert field["x"] == f"{NOW + 300 + 7 * 86400:.0f}"


def test_sign_lists_each_name_once_more_than_it_occurs(signer: Signer) -> None:
    """Every field of the contract is oversigned; an absent Reply-To is listed once; no other field is signed."""
    listed = tags(sign(signer, HEADERS)[0])["h"].split(":")
    assert {name: listed.count(name) for name in listed} == {name: 2 - (name == "reply-to") for name in SIGNED}
    doubled = tags(sign(signer, [*HEADERS, ("SUBJECT", b" b"), ("reply-to", b" a@example.jp")])[0])["h"].split(":")
    assert (doubled.count("subject"), doubled.count("reply-to")) == (3, 2)


def test_sign_body_hash_is_that_of_the_relaxed_body(signer: Signer) -> None:
    """``bh=`` is the SHA-256 of the canonical body; for the empty body RFC 6376 3.4.4 gives the value."""
    assert b64decode(tags(sign(signer, HEADERS)[0])["bh"]) == sha256(BODY).digest()
    assert tags(sign(signer, HEADERS, b"")[0])["bh"] == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_sign_same_mail_gives_same_bytes(signer: Signer) -> None:
    """A repeated mail is identical, signatures included."""
    assert sign(signer, HEADERS) == sign(signer, list(HEADERS))
    assert sign(signer, HEADERS) != sign(signer, HEADERS, BODY + BODY)


def test_sign_folds_its_lines(signer: Signer) -> None:
    """No line is over 76 octets, continuations begin with a blank, and the block ends in CRLF."""
    block = b"".join(sign(signer, HEADERS + HEADERS))
    lines = block.split(b"\r\n")
    assert lines[-1] == b""
    assert b"\r" not in block.replace(b"\r\n", b"")
    assert max(map(len, lines)) <= 76
    assert all(line.startswith((b"DKIM-Signature: ", b" ")) for line in lines[:-1])
    assert not any(line.endswith(b" ") or not line.strip() for line in lines[:-1])


def test_signer_without_rsa_key_is_refused(signer: Signer) -> None:
    """Ed25519 alone does not do: many verifiers do not know it; the error says what to run."""
    for keys in ((), signer.keys[1:]):
        with pytest.raises(DkimKeyError, match="no active rsa-sha256 key; run: mailsvc dkim new"):
            Signer(keys, "mail.example.jp")


def test_ed25519_signature_is_over_the_hash() -> None:
    """Ed25519 signs the SHA-256 of the signed octets, not the octets (RFC 8463 3)."""
    private = Ed25519PrivateKey.generate()
    info = describe(private, selector="e1", domain="example.jp", state="active")
    private.public_key().verify(SigningKey(info, private).sign(b"data"), sha256(b"data").digest())


@given(st.lists(st.text("a+. \t", max_size=8).map(str.encode), max_size=8), st.booleans())
def test_relaxed_body_is_that_of_dkimpy(lines: list[bytes], last: bool) -> None:  # noqa: FBT001
    """Any lines of blanks and text, any empty lines at the end, give dkimpy's canonical body."""
    wire = b"".join(line + b"\r\n" for line in lines)
    assert relaxed_body(wire) == Relaxed.canonicalize_body(wire)
    assert relaxed_body(wire if last else wire.removesuffix(b"\r\n")) == relaxed_body(wire)


@given(st.lists(st.sampled_from([b"a", b"bc", b" ", b"\t", b"\r\n ", b"\r\n\t", "証".encode()]), max_size=12))
def test_relaxed_header_is_that_of_dkimpy(parts: list[bytes]) -> None:
    """Any folding and any run of blanks give dkimpy's canonical value."""
    value = b"".join(parts)
    assert relaxed_header(value) + b"\r\n" == Relaxed.canonicalize_headers([(b"a", value)])[0][1]


def test_relaxed_body_of_rfc_example() -> None:
    """The example of RFC 6376 3.4.5 comes out as printed there."""
    assert relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n") == b" C\r\nD E\r\n"
