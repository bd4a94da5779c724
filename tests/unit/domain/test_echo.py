"""Servers that repeat the mail: the code is found in whatever coding."""

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.domain.echo import gives_away, without_codes

CODE = "739251"
BODY = f"認証コード：{CODE}\r\n".encode()


@pytest.mark.parametrize(
    "text",
    [
        f"554 5.7.1 no {CODE} here",
        f"554 5.7.1 x{CODE}y",
        "554 5.7.1 7 3 9 2 5 1",
        "554 5.7.1 739-251",
        "554 5.7.1 ７３９２５１",
        "554 5.7.1 =37=33=39=32=35=31",
        f"554 5.7.1 {CODE.encode().hex()}",
        f"554 5.7.1 {CODE.encode().hex().upper()}",
        f"554 5.7.1 {base64.b64encode(CODE.encode()).decode()}",
        f"554 5.7.1 {base64.b64encode(BODY).decode()}",
        f"554 5.7.1 {quopri.encodestring(BODY).decode()}",
    ],
)
def test_code_is_found_in_each_coding(text: str) -> None:
    """Plain, spaced, full-width, quoted-printable, hexadecimal and base64 are all the code."""
    assert gives_away(text, CODE)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_code_is_found_anywhere_in_a_base64_body(before: bytes, after: bytes) -> None:
    """Whatever stands around it decides at which of three places it begins, and hides it at none."""
    assert gives_away(base64.b64encode(before + CODE.encode() + after).decode(), CODE)


@pytest.mark.parametrize(
    "text", ["550 5.1.1 no such user", "250 2.0.0 Ok: queued as 4F2C739D251", "421 4.7.0 try again in 739 s", ""]
)
def test_other_words_are_not_the_code(text: str) -> None:
    """Replies as they are usual are kept."""
    assert not gives_away(text, CODE)


@pytest.mark.parametrize(
    "code",
    [
        CODE,
        "７３９２５１",
        "=37=33=39=32=35=31",
        CODE.encode().hex(),
        base64.b64encode(CODE.encode()).decode(),
        *(base64.b64encode(b"x" * before + BODY).decode() for before in range(3)),
        "x" + base64.b64encode(BODY).decode(),
    ],
)
def test_text_is_cleared_of_what_may_be_a_code(code: str) -> None:
    """Where the code is known no more, every group of six digits is masked, in whatever coding, and nothing else."""
    cleared = without_codes(f"552 5.2.2 <taro@example.jp> mailbox full: {code} (in reply)")
    assert cleared == "552 5.2.2 <taro@example.jp> mailbox full: ****** (in reply)"


@pytest.mark.parametrize(
    "text",
    [
        "550 5.1.1 <taro1234567@example.jp>: User unknown in virtual mailbox table",
        "452 4.2.2 quota 52428800 of 52428801; see https://example.jp/help?answer=81126",
        "421 4.7.0 [192.0.2.1 15] d9443c01a7336-2a1b2c3d4e5fsi12345678 - gsmtp",
    ],
)
def test_words_of_a_site_stay(text: str) -> None:
    """Numbers of other lengths, names and queue ids are left alone."""
    assert without_codes(text) == text
