"""Mail addresses: what is taken, what is refused and why, and what every taken one keeps."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailsvc.domain.address import PATH_MAX, Address, AddressError, parse

LONG_LABEL = "d" * 63
LONG_DOMAIN = f"{'d' * 62}.{'d' * 61}.{'d' * 61}.jp"  # 189 octets: the longest local part and this make 254
TAKEN = [
    # text, wire form, identity
    ("taro@docomo.ne.jp", "taro@docomo.ne.jp", "taro@docomo.ne.jp"),
    ("Taro.Yamada@Example.JP", "Taro.Yamada@Example.JP", "taro.yamada@example.jp"),
    ("a+b@example.jp", "a+b@example.jp", "a+b@example.jp"),
    ("!#$%&'*+-/=?^_`{|}~@example.jp", "!#$%&'*+-/=?^_`{|}~@example.jp", "!#$%&'*+-/=?^_`{|}~@example.jp"),
    ("taro@xn--wgv71a119e.jp", "taro@xn--wgv71a119e.jp", "taro@xn--wgv71a119e.jp"),
    ("taro@1.example.jp", "taro@1.example.jp", "taro@1.example.jp"),
    (f"{'l' * 64}@example.jp", f"{'l' * 64}@example.jp", f"{'l' * 64}@example.jp"),
    (f"t@{LONG_LABEL}.jp", f"t@{LONG_LABEL}.jp", f"t@{LONG_LABEL}.jp"),
    (f"{'l' * 64}@{LONG_DOMAIN}", f"{'l' * 64}@{LONG_DOMAIN}", f"{'l' * 64}@{LONG_DOMAIN}"),
    ("taro.@docomo.ne.jp", '"taro."@docomo.ne.jp', "taro.@docomo.ne.jp"),
    ("Ta..ro@DOCOMO.ne.jp", '"Ta..ro"@DOCOMO.ne.jp', "ta..ro@docomo.ne.jp"),
    ('"ta..ro"@ezweb.ne.jp', '"ta..ro"@ezweb.ne.jp', "ta..ro@ezweb.ne.jp"),
    ("-ta..ro_@ezweb.ne.jp", '"-ta..ro_"@ezweb.ne.jp', "-ta..ro_@ezweb.ne.jp"),
]
NO_AT = "has no @"
NOT_ASCII = "has characters outside ASCII"
EMPTY = "has nothing before the @"
LOCAL = "has a character or a dot before the @ that is not allowed there"
LOCAL_LONG = "has more than 64 characters before the @"
QUOTES = "has quotes that it does not need"
DOMAIN = "has a domain that is not a host name"
DOMAIN_LONG = "has a domain that is too long"
DOMAIN_DOT = "has a domain without a dot"
DOMAIN_NUMBER = "has a number where the top-level domain should stand"
LONG = "is longer than 254 characters"
REFUSED = [
    ("", NO_AT),
    ("taro", NO_AT),
    ("ｔａｒｏ＠example.jp", NO_AT),
    ("太郎@example.jp", NOT_ASCII),
    ("taro@例え.jp", NOT_ASCII),
    ("taro@exam\u212aple.jp", NOT_ASCII),
    ("@example.jp", EMPTY),
    ('""@docomo.ne.jp', EMPTY),
    ('"@docomo.ne.jp', LOCAL),
    ("ta..ro@example.jp", LOCAL),
    ("taro.@example.jp", LOCAL),
    ('"ta..ro"@example.jp', LOCAL),
    (".taro@docomo.ne.jp", LOCAL),
    ("ta..r+o@docomo.ne.jp", LOCAL),
    ("ta..ro@mail.docomo.ne.jp", LOCAL),
    ("ta ro@example.jp", LOCAL),
    ("ta\tro@example.jp", LOCAL),
    ("taro\r\nRCPT TO:<x@example.jp", LOCAL),
    ("taro\n@example.jp", LOCAL),
    ("ta\x00ro@example.jp", LOCAL),
    ("a@b@example.jp", LOCAL),
    ("taro,jiro@example.jp", LOCAL),
    ("<taro@example.jp", LOCAL),
    ("Taro <taro@example.jp", LOCAL),
    ("taro(home)@example.jp", LOCAL),
    ('"ta ro"@docomo.ne.jp', LOCAL),
    ('"ta\\"ro"@docomo.ne.jp', LOCAL),
    ('"taro"@docomo.ne.jp', QUOTES),
    ('"taro"@example.jp', QUOTES),
    (f"{'l' * 65}@example.jp", LOCAL_LONG),
    ("taro@", DOMAIN_DOT),
    ("taro@localhost", DOMAIN_DOT),
    ("taro@example.jp.", DOMAIN),
    ("taro@.example.jp", DOMAIN),
    ("taro@example..jp", DOMAIN),
    ("taro@-example.jp", DOMAIN),
    ("taro@example-.jp", DOMAIN),
    ("taro@exa_mple.jp", DOMAIN),
    ("taro@exam ple.jp", DOMAIN),
    ("taro@example.jp>", DOMAIN),
    ("taro@example.jp\n", DOMAIN),
    ("taro@example.jp, x.example.jp", DOMAIN),
    ("taro@[192.0.2.1]", DOMAIN),
    ("taro@192.0.2.1", DOMAIN_NUMBER),
    (f"taro@{'d' * 64}.jp", DOMAIN_LONG),
    (f"taro@{'.'.join(['d' * 62] * 4)}.jp", DOMAIN_LONG),
    (f"{'l' * 64}@d{LONG_DOMAIN}", LONG),
]


@pytest.mark.parametrize(("text", "wire", "identity"), TAKEN)
def test_parse_taken_address_has_wire_form_and_identity(text: str, wire: str, identity: str) -> None:
    """A valid address is sent as written, quoted only where a carrier's dots need it, and known in lower case."""
    address = parse(text)
    assert (address.wire, address.identity) == (wire, identity)
    assert address.conforming == (wire[0] != '"')


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_parse_refused_address_says_why(text: str, reason: str) -> None:
    """Everything else is refused in words that do not repeat the text."""
    with pytest.raises(AddressError) as caught:
        parse(text)
    assert str(caught.value) == reason


def test_identity_ignores_case_and_quotes() -> None:
    """However a carrier's address is written, it is one identity."""
    spellings = ("ta..ro@docomo.ne.jp", '"ta..ro"@docomo.ne.jp', "TA..RO@docomo.NE.jp", '"Ta..rO"@Docomo.ne.jp')
    assert len({parse(text).identity for text in spellings}) == 1


@pytest.mark.parametrize(
    ("text", "masked"), [("taro@docomo.ne.jp", "t***@docomo.ne.jp"), ('"a..b"@ezweb.ne.jp', "a***@ezweb.ne.jp")]
)
def test_masked_shows_first_character_and_domain(text: str, masked: str) -> None:
    """Logs and answers show one character of the local part, never a quote."""
    assert parse(text).masked == masked


_LOCALS = st.text(st.sampled_from('aZ09.-_+"\\ <>,@\r\n\t\0é'), max_size=70)
_DOMAINS = st.one_of(
    st.sampled_from(["docomo.ne.jp", "EZWEB.ne.jp", "example.jp"]),
    st.text(st.sampled_from("aZ0.-_ \n例"), max_size=12),
    st.lists(st.text(st.sampled_from("ab0-"), min_size=1, max_size=63), min_size=1, max_size=6).map(".".join),
)


@given(st.one_of(st.text(), st.builds("{}@{}".format, _LOCALS, _DOMAINS)))
@example('"a..b"@docomo.ne.jp')
@example("a@b.jp")
def test_parse_any_text_is_refused_or_safe(text: str) -> None:
    """Any text is refused, or is an address without anything that could leave its place on the wire."""
    try:
        address = parse(text)
    except AddressError:
        return
    _check_safe(text, address)


@given(
    st.text(st.sampled_from("abZ09._-"), min_size=1, max_size=64),
    st.sampled_from(["docomo.ne.jp", "ezweb.ne.jp", "Docomo.NE.jp"]),
)
def test_parse_carrier_address_taken_quoted_and_raw_alike(local: str, domain: str) -> None:
    """A carrier's address is taken unless it begins with a dot, and its wire form is taken as the same address."""
    if local.startswith("."):
        with pytest.raises(AddressError):
            parse(f"{local}@{domain}")
        return
    _check_safe(f"{local}@{domain}", parse(f"{local}@{domain}"))


def _check_safe(text: str, address: Address) -> None:
    assert parse(address.wire) == address
    assert parse(address.wire).identity == address.identity
    assert text in (address.wire, f"{address.local}@{address.domain}")
    assert not re.search(r"[\x00-\x20\x7f<>,;()\[\]\\:]", address.wire)
    assert not re.search(r"[\"@]", address.local + address.domain)
    assert address.wire.isascii()
    assert len(address.wire) <= PATH_MAX
    assert address.identity == address.identity.lower()
