import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mailsvc.signing.key import DkimKeyError, SigningKey
from mailsvc.signing.keys import KeyRing
from mailsvc.signing.signer import Signer
from mailsvc.signing.verify import self_test, verify

NOW = time.time()
HEADERS = [("From", b" no-reply@mail.example.jp"), ("Subject", b" x")]
BODY = b"x\r\n"


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    ring = KeyRing(Path(tmp_path_factory.mktemp("dkim")), "mail.example.jp")
    for algorithm in ("rsa-sha256", "ed25519-sha256"):
        ring.activate(ring.new(algorithm, NOW).selector, published=None)
    return Signer(ring.active(), ring.domain)


@pytest.fixture(scope="module")
def raw(signer: Signer) -> bytes:
    fields = signer.sign(HEADERS, BODY, at=NOW, expires=NOW + 300)
    return fields + b"From: no-reply@mail.example.jp\r\nSubject: x\r\n\r\n" + BODY


@pytest.fixture(scope="module")
def records(signer: Signer) -> dict[str, str]:
    return {key.info.name: key.info.value for key in signer.keys}


def test_verify_takes_records_as_text_or_octets(raw: bytes, records: dict[str, str]) -> None:
    """A signed mail verifies, whichever way the look-up hands out the record."""
    assert verify(raw, records.get)
    assert verify(raw, lambda name: records[name].encode())


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("record", [None, "", "v=DKIM1; p=", "v=DKIM1; k=rsa; p=AAAA", "x", "v=DKIM1; k=ed25519; p=A"])
def test_verify_with_one_bad_record_is_false(
    signer: Signer, raw: bytes, records: dict[str, str], index: int, record: str | None
) -> None:
    """Each signature counts: one missing, revoked or unreadable record is enough for a no."""
    found = {**records, signer.keys[index].info.name: record}
    assert not verify(raw, found.get)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"From: a@example.jp\r\n\r\nx\r\n",
        b"no header\r\n\r\n",
        b" x\r\n\r\n",
        b"DKIM-Signature: v=1\r\n\r\n",
        b"DKIM-Signature: \xff\r\n\r\n",
        b"DKIM-Signature: v=1; a=rsa-sha256; d=a; s=b; h=from; bh=!; b=!\r\nFrom: a\r\n\r\n",
    ],
)
def test_verify_of_unsigned_or_broken_mail_is_false(raw: bytes, records: dict[str, str]) -> None:
    """What is unsigned or unreadable does not verify, and raises nothing."""
    assert not verify(raw, records.get)


def test_verify_passes_on_trouble_of_the_look_up(raw: bytes) -> None:
    """A look-up that fails is no verdict about the mail: its exception comes through."""

    def no_dns(_name: str) -> None:
        raise OSError("no DNS")

    with pytest.raises(OSError, match="no DNS"):
        verify(raw, no_dns)


def test_self_test_of_sound_keys_is_silent(signer: Signer) -> None:
    """Keys whose signatures verify against their own records pass."""
    self_test(signer, HEADERS, BODY, now=NOW)


def test_self_test_names_the_broken_key(signer: Signer) -> None:
    """A key that does not belong to its record stops the start with its selector."""
    rsa, ed25519 = signer.keys
    broken = Signer((rsa, SigningKey(ed25519.info, Ed25519PrivateKey.generate())), "mail.example.jp")
    with pytest.raises(DkimKeyError, match=f"signed with {ed25519.info.selector} does not verify"):
        self_test(broken, HEADERS, BODY, now=NOW)
