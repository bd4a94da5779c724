"""Servers that repeat the mail: the code is found in whatever coding."""

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.domain.echo import gives_away

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
