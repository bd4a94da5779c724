"""Recipient addresses as callers write them: whatever the text, one address or none."""

from hypothesis import given
from hypothesis import strategies as st

from mailsvc.checks.address import parse_recipient
from mailsvc.domain.address import AddressError, parse


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
