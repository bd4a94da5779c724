"""Recipient addresses as callers write them.

Decides whether a text is an address this service mails, taken exactly as it is: nothing is repaired, and what would
have to be is refused with ``AddressError``. A domain outside ASCII is converted to A-labels (IDNA 2008, UTS 46
without transitional mappings) only where that changes nothing but the encoding and the case of ASCII letters. An
A-label must be one: what it stands for encodes to it again. A label is written in one script (``scripts.py``).
"""

import string

import idna

from mailsvc.checks.scripts import is_of_one_script
from mailsvc.domain.address import Address, AddressError, parse

_NOT_IDNA = "has a domain that is no internationalised domain name"
_MIXED = "has a domain that mixes letters of several scripts"
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def parse_recipient(text: str) -> Address:
    """Return the address; raise `AddressError`, whose message says why it is none and never repeats it."""
    local, at, domain = text.rpartition("@")
    if at and not domain.isascii():
        return parse(f"{local}@{_a_labels(domain)}")
    address = parse(text)
    _check_a_labels(address.domain)
    return address


def _a_labels(domain: str) -> str:
    try:
        ascii_domain = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
        unchanged = idna.decode(ascii_domain) == domain.translate(_ASCII_LOWER)
    except UnicodeError as error:
        raise AddressError(_NOT_IDNA) from error
    if not unchanged:
        raise AddressError("has a domain that is not in its normal form")
    if not all(map(is_of_one_script, domain.split("."))):
        raise AddressError(_MIXED)
    return ascii_domain


def _check_a_labels(domain: str) -> None:
    for label in domain.lower().split("."):
        if label.startswith("xn--"):
            _check_a_label(label)


def _check_a_label(label: str) -> None:
    try:
        written = idna.ulabel(label)
        valid = idna.alabel(written).decode("ascii") == label
    except UnicodeError as error:
        raise AddressError(_NOT_IDNA) from error
    if not valid:
        raise AddressError(_NOT_IDNA)
    if not is_of_one_script(written):
        raise AddressError(_MIXED)
