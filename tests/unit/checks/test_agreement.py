"""Whatever somebody types: the check and the submit take the same addresses, and so do others who read addresses."""

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from mailsvc.checks import typos
from mailsvc.checks.address import parse_recipient
from mailsvc.checks.reading import Reading, read
from mailsvc.delivery.envelope import Envelope
from mailsvc.domain.address import AddressError, parse
from mailsvc.domain.check import ReasonCode, Severity
from tests.support.environment import FULL_RUN

pytestmark = pytest.mark.timeout(900 if FULL_RUN else 120)

EXAMPLES = settings(max_examples=50_000 if FULL_RUN else 1_000, deadline=None)
LOCALS = [
    "taro",
    "taro.y",
    "t..y",
    "taro.",
    ".taro",
    "a+b",
    "o'x",
    '"a"',
    '"a."',
    "山田",
    "ｔａｒｏ",
    "",
    "a" * 64,
    "a" * 65,
]
DOMAINS = [
    "docomo.ne.jp",
    "ezweb.ne.jp",
    "gmail.com",
    "Kaisha.CO.jp",
    "日本語.jp",
    "faß.de",
    "xn--wgv71a.jp",
    "docmo.ne.jo",
]
DOMAINS += [
    "ｄｏｃｏｍｏ．ｎｅ．ｊｐ",
    "docomo。ne。jp",
    "ﾄﾞｺﾓ.jp",
    "dоcomo.ne.jp",
    "[192.0.2.1]",
    "192.0.2.1",
    "localhost",
    "a.b.c.example.org",
]
PIECES = st.sampled_from(
    "\u3000\u200b\u200d\ufeff\u00a0\n\r\0 。．.,、ー−-@＠<>()\"'\\:;a1あдé\u0301\u3099ﾞ\ud800\U000e0001"
)
NEAR = st.builds(
    lambda local, at, domain, places, pieces: _with(f"{local}{at}{domain}", places, pieces),
    st.sampled_from(LOCALS),
    st.sampled_from(["@", "@", "@", "＠", "@@", ""]),
    st.sampled_from(DOMAINS),
    st.lists(st.integers(0, 40), max_size=3),
    st.lists(PIECES, min_size=3, max_size=3),
)


def _with(text: str, places: list[int], pieces: list[str]) -> str:
    for place, piece in zip(places, pieces, strict=False):
        text = text[:place] + piece + text[place:]
    return text


@EXAMPLES
@given(NEAR | st.text(max_size=40))
def test_any_text_is_read_as_the_submit_reads_it(text: str) -> None:
    """A submit takes what is neither repaired nor refused here; what is repaired is repaired for good."""
    reading = read(text)
    codes = {reason.code for reason in reading.reasons}
    refused = {ReasonCode.SYNTAX, ReasonCode.SMTPUTF8_LOCAL} & codes
    assert reading.given == text
    assert (reading.address is None) == bool(refused)
    assert _taken(text) == (not refused and ReasonCode.NORMALIZED not in codes)
    again = read(reading.normalized)
    assert (again.normalized, again.address) == (reading.normalized, reading.address)
    assert [reason for reason in reading.reasons if reason.code is not ReasonCode.NORMALIZED] == [*again.reasons]
    _check_wire(reading)
    _check_suggestions(reading)


def _taken(text: str) -> bool:
    try:
        parse_recipient(text)
    except AddressError:
        return False
    return True


def _check_wire(reading: Reading) -> None:
    """Demand that RCPT TO says the wire form byte for byte, and that it reads as the same address (RELIABILITY A5)."""
    if reading.address is None:
        return
    wire = reading.address.wire
    assert parse(wire) == reading.address
    envelope = Envelope(reverse_path="", forward_path=wire, data=b"\r\n")
    assert envelope.rcpt({}).encode("ascii") == f"RCPT TO:<{wire}>".encode()


def _check_suggestions(reading: Reading) -> None:
    """Demand that what is suggested stands the check itself, and is no typo or trap."""
    for suggestion in reading.suggestions:
        checked = read(suggestion)
        assert checked.address is not None
        assert all(reason.severity is Severity.INFO for reason in checked.reasons)
        assert typos.load().of(checked.address.domain) is None


@EXAMPLES
@given(st.from_regex(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\"\\ -]{1,10}", fullmatch=True))
def test_part_before_the_at_is_judged_as_by_email_validator(local: str) -> None:
    """Two readers of one grammar who know nothing of each other; dots of carriers apart."""
    assert _ours(f"{local}@gmail.com") == _theirs(f"{local}@gmail.com")


@EXAMPLES
@given(st.from_regex(r"[a-zA-Z0-9.ぁ日ßé-]{1,12}\.(jp|com|Jp|日本)", fullmatch=True))
def test_domain_is_judged_as_by_email_validator(domain: str) -> None:
    """They know nothing of each other here either; real hosts have "--" where IDNA reserves it (r3---sn)."""
    if not any(label[2:4] == "--" for label in domain.split(".")):
        assert _ours(f"taro@{domain}") == _theirs(f"taro@{domain}")


def _ours(text: str) -> str | None:
    reading = read(text)
    return reading.address.identity if reading.address and not reading.reasons else None


def _theirs(text: str) -> str | None:
    try:
        found = validate_email(text, check_deliverability=False, strict=True, allow_smtputf8=False)
    except EmailNotValidError:
        return None
    return f"{found.local_part}@{found.ascii_domain}".lower()
