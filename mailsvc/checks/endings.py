"""Endings of domains that cannot be right, whatever the domain: no such top-level domain, or one too many.

Pure; the public suffix list is read once.
"""

from functools import cache

from publicsuffixlist import PublicSuffixList

from mailsvc.checks.slips import Words

#: Where a company's domain ends: what is one slip away from one of these, and does not exist, was meant to be it.
_MEANT = Words(("jp", "com", "net", "org"))
_SECOND_OF_JP = frozenset(("ac", "ad", "co", "ed", "go", "gr", "lg", "ne", "or"))
_TWICE = (*(f".{second}.jp.{second}.jp" for second in sorted(_SECOND_OF_JP)), ".jp.jp", ".com.com")


def with_real_ending(domain: str) -> str | None:
    """Return the domain, in lower case, with the ending that was probably meant; None where it may be right."""
    rest, dot, last = domain.rpartition(".")
    if not dot:
        return None
    if domain.endswith(_TWICE):
        twice = next(ending for ending in _TWICE if domain.endswith(ending))
        return domain[: -len(twice) // 2]
    second = last.removesuffix("jp")
    if second != last and second in _SECOND_OF_JP:  # example.cojp
        return f"{rest}.{second}.jp"
    if last == "jo" and rest.rpartition(".")[2] in _SECOND_OF_JP:
        return f"{rest}.jp"
    if is_real(last):
        return None
    meant = _MEANT.missed_by(last)
    return f"{rest}.{meant[0].word}" if meant else None


def is_real(domain: str) -> bool:
    """Whether the top-level domain exists."""
    return _suffixes().publicsuffix(domain) is not None


def registrable(domain: str) -> str:
    """Return what somebody registered of a domain in lower case; the domain itself where nobody did."""
    return _suffixes().privatesuffix(domain) or domain


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)
