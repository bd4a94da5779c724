"""What may have been meant by a text that is no address.

Each slip of the hand that is known here is undone, all of them at once; what is an address then, under an ending that
exists, is suggested. The customer says whether it was meant: nothing here is done without asking. Two addresses in one
text mean neither. Pure.
"""

import re

from mailsvc.checks import typos
from mailsvc.checks.address import parse_recipient
from mailsvc.checks.endings import is_real
from mailsvc.domain.address import AddressError

_IN_BRACKETS = re.compile(r"[^@]*<([^<>]*)>[^@]*")  # 山田太郎 <taro@docomo.ne.jp>
_MAILTO = re.compile(r"mailto:([^?]*).*", re.IGNORECASE | re.DOTALL)
_AROUND = "\"'“”‘’`「」『』【】()[]<>〈〉《》,;:、。."
_AS_DOT = dict.fromkeys(map(ord, ",、。"), ".")
_AS_DOT_IN_DOMAIN = _AS_DOT | dict.fromkeys(map(ord, ";:・"), ".")
_AS_HYPHEN = dict.fromkeys(map(ord, "ー−‐‑‒–—―─"), "-")
_DOTS = re.compile(r"\.{2,}")
#: Keys beside the @, and a dot in its place.
_MISSED_AT = tuple("\"[`'*:;.")
#: A provider's domain of fewer letters ends too many other words.
_TELLING = 7


def mended(text: str) -> tuple[str, ...]:
    """Return the addresses that may have been meant, likeliest first."""
    local, _, domain = _with_one_at(_unwrapped(text)).rpartition("@")
    if not local or "@" in local:
        return ()
    local = local.strip('"').translate(_AS_DOT | _AS_HYPHEN)
    domain = _DOTS.sub(".", domain.translate(_AS_DOT_IN_DOMAIN | _AS_HYPHEN)).strip(".-").lower()
    typo = typos.load().of(domain)
    found = (suggestion(local, meant) for meant in (typo.intended if typo else (domain,)))
    return tuple(address for address in found if address)


def _unwrapped(text: str) -> str:
    """Return the text without blanks and without what is put around addresses."""
    if inside := _IN_BRACKETS.fullmatch(text):
        text = inside[1]
    if link := _MAILTO.fullmatch(text.strip(_AROUND)):
        text = link[1]
    return "".join(text.split()).strip(_AROUND)


def _with_one_at(text: str) -> str:
    text = re.sub("@+", "@", text)
    half = text[: len(text) // 2]
    if text == half + half:  # pasted twice
        return half
    return text if "@" in text else _with_missing_at(text)


def _with_missing_at(text: str) -> str:
    providers = typos.load().providers
    for start in range(1, len(text) - _TELLING + 1):
        if text[start:].lower() in providers:
            local = text[:start]
            return f"{local[:-1] if local.endswith(_MISSED_AT) else local}@{text[start:]}"
    return ""


def suggestion(local: str, domain: str) -> str | None:
    """Return the address at a domain, without dots that are not allowed; None where there can be none."""
    if not domain.isascii() or not is_real(domain):
        return None
    for written in (local, _DOTS.sub(".", local).strip(".")):
        try:
            parse_recipient(f"{written}@{domain}")
        except AddressError:
            continue
        return f"{written}@{domain}"
    return None
