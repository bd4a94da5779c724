"""Recipient addresses as callers write them: whatever the text, one address or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.checks.address import parse_recipient
from mailsvc.domain.address import AddressError, parse


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("taro@日本.JP", "taro@xn--wgv71a.jp"),
        ("taro@A.日本.jp", "taro@a.xn--wgv71a.jp"),
        ("Taro@faß.De", "Taro@xn--fa-hia.de"),
        ("taro@xn--wgv71a.jp", "taro@xn--wgv71a.jp"),
        ("taro@XN--WGV71A.JP", "taro@XN--WGV71A.JP"),
        ("taro@r3---sn.example.jp", "taro@r3---sn.example.jp"),
    ],
)
def test_case_of_ascii_letters_does_not_matter(text: str, wire: str) -> None:
    """A domain is taken however its ASCII letters are written, beside others too."""
    assert parse_recipient(text).wire == wire


@pytest.mark.parametrize(
    "text",
    ["taro@xn--a.jp", "taro@XN--A.jp", "taro@xn--.jp", "taro@xn--a.日本.jp", "taro@xn--ls8h.jp", "taro@BÜCHER.jp"],
)
def test_domain_that_encodes_nothing_is_refused(text: str) -> None:
    """A label that says it is an A-label has to be one, and a letter outside ASCII has to be in its normal form."""
    with pytest.raises(AddressError):
        parse_recipient(text)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_one_address_or_none(local: str, domain: str) -> None:
    """Whatever is taken is ASCII, reads as the same address again; nothing else is raised than a refusal."""
    _walk(f"{local}@{domain}")


@given(st.from_regex(r"[a-z.\"\\<> ]{1,9}@([a-zA-Z0-9ぁ-ん。．ßİ-]{1,6}\.){1,2}(jp|日本|JP)", fullmatch=True))
def test_text_near_an_address_is_one_or_none(text: str) -> None:
    """The same for texts that look like addresses."""
    _walk(text)


def _walk(text: str) -> None:
    try:
        address = parse_recipient(text)
    except AddressError:
        return
    assert address.wire.isascii()
    assert address.wire.isprintable()
    assert parse(address.wire) == address
    assert not set(address.wire) & set("<>(),;:\\ []")
