"""What somebody typed or pasted, read as an address.

Repairs what is surely an artefact of typing: full-width forms, the Japanese full stop in the domain, blanks around,
invisible characters. Everything else is offered as a suggestion and never done. Whether the repaired text is an address
`parse_recipient` alone decides: a submit takes exactly the texts that are read here without a reason other than
``nonconforming_local``. Pure, asks nobody, never raises.
"""

import re
import string
import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from mailsvc.checks.address import parse_recipient
from mailsvc.checks.mending import mended
from mailsvc.domain.address import Address, AddressError
from mailsvc.domain.check import Reason, ReasonCode, Severity

#: A longer text is no slip of somebody typing: nothing is suggested for it.
MENDED_MAX = 400  # characters

#: Runs of them: a half-width kana and its voice mark become one character.
_WIDTH_FORMS = re.compile(r"[\uff01-\uffee]+")
#: Default_Ignorable_Code_Point of Unicode but for the two joiners.
_IGNORABLE = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
#: Between letters outside ASCII a joiner is spelling: the domain without it is another one (RFC 5892 A.1, A.2).
_LETTER = rf"[^\x00-\x7f\s。{_IGNORABLE}\u200c\u200d]"
_INVISIBLE = re.compile(rf"[{_IGNORABLE}]|(?<!{_LETTER})[\u200c\u200d]|[\u200c\u200d](?!{_LETTER})")
_DOMAIN_DOT = str.maketrans("。", ".")
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

_NORMALIZED = Reason(ReasonCode.NORMALIZED, Severity.INFO)
_NONCONFORMING = Reason(ReasonCode.NONCONFORMING_LOCAL, Severity.INFO)
_SYNTAX = Reason(ReasonCode.SYNTAX, Severity.REJECT)
_SMTPUTF8 = Reason(ReasonCode.SMTPUTF8_LOCAL, Severity.REJECT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A text, and the address that it is or may have been meant to be."""

    given: str  #: as it came
    normalized: str  #: repaired, ASCII letters of the domain in lower case: what the form should keep
    address: Address | None  #: of `normalized`; None where that is none
    reasons: tuple[Reason, ...] = ()  #: worst first
    suggestions: tuple[str, ...] = ()  #: addresses that may have been meant, likeliest first


def read(text: str) -> Reading:
    """Return what a text says."""
    repaired = _repaired(text)
    local, at, domain = repaired.rpartition("@")
    normalized = local + at + domain.translate(_ASCII_LOWER) if at else repaired
    repairs = () if repaired == text else (_NORMALIZED,)
    try:
        address = parse_recipient(normalized)
    except AddressError:
        return Reading(
            given=text,
            normalized=normalized,
            address=None,
            reasons=(_refusal(normalized), *repairs),
            suggestions=mended(normalized) if len(normalized) <= MENDED_MAX else (),
        )
    reasons = repairs if address.conforming else (*repairs, _NONCONFORMING)
    return Reading(given=text, normalized=normalized, address=address, reasons=reasons)


def _repaired(text: str) -> str:
    if text.isascii():
        return text.strip()
    folded = _WIDTH_FORMS.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)
    local, at, domain = _INVISIBLE.sub("", folded).strip().rpartition("@")
    return local + at + unicodedata.normalize("NFC", domain.translate(_DOMAIN_DOT)) if at else domain


def _refusal(text: str) -> Reason:
    """Return why a text is no address: its characters before the @ alone, or more than these."""
    local, _, domain = text.rpartition("@")
    try:
        parse_recipient(f"x@{domain}")
        beyond_ascii = validate_email(f"{local}@example.jp", check_deliverability=False, strict=True).smtputf8
    except (AddressError, EmailNotValidError):
        return _SYNTAX
    return _SMTPUTF8 if beyond_ascii else _SYNTAX
