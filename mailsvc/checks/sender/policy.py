"""The DMARC policy of a domain (RFC 7489 6.6.3, RFC 9989): which record applies, and what it asks for.

The organizational domain is that of the public suffix list, as most receivers still take it.
"""

from dataclasses import dataclass
from functools import cache

from publicsuffixlist import PublicSuffixList

from mailsvc.checks.sender.records import of_version, only, texts
from mailsvc.dns.resolver import Ask
from mailsvc.signing.key import txt_line

ASKS = ("none", "quarantine", "reject")


class PolicyError(Exception):
    """Receivers find no policy where one is meant; the message says why."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The record that applies to a domain."""

    domain: str  #: whose policy is asked for
    found_at: str  #: the domain itself, or its organizational domain
    record: str
    tags: dict[str, str]

    @property
    def asks(self) -> str:
        """What is to become of mail that fails: one of ``ASKS``."""
        own = self.tags["p"].lower()
        return own if self.found_at == self.domain else self.tags.get("sp", own).lower()

    @property
    def partial(self) -> str | None:
        """The tag by which the policy holds for a part of the mail, or is only tried out."""
        if self.tags.get("pct", "100") != "100":
            return f"pct={self.tags['pct']}"
        return "t=y" if self.tags.get("t", "n").lower() == "y" else None

    @property
    def enforced(self) -> bool:
        """Whether failing mail is treated as such, all of it: what brand icons ask for."""
        return self.asks != "none" and self.partial is None

    def strict(self, tag: str) -> bool:
        """Whether ``adkim`` or ``aspf`` asks for the very same domain."""
        return self.tags.get(tag, "r").lower() == "s"

    def changed(self, **tags: str) -> str:
        """Return the line to publish for the domain itself: these tags changed, nothing tried out."""
        kept = {name: value for name, value in self.tags.items() if name not in ("v", "p", "pct", "t")}
        asked = {"v": "DMARC1", "p": self.asks} | kept | tags
        return dmarc_line(self.domain, "; ".join(f"{name}={value}" for name, value in asked.items()))


async def policy_of(ask: Ask, domain: str) -> Policy | None:
    """Return the policy of a domain; raise `PolicyError` where its record is broken, `DnsTrouble` without an answer."""
    for place in dict.fromkeys((domain, organizational(domain))):
        found = of_version(await texts(ask, f"_dmarc.{place}"), "DMARC1")
        if found:
            return _read(found, domain, place)
    return None


def organizational(domain: str) -> str:
    """Return the organizational domain, RFC 7489 3.2."""
    return suffixes().privatesuffix(domain) or domain


def dmarc_line(domain: str, value: str) -> str:
    """Return the line that publishes a policy."""
    return txt_line(f"_dmarc.{domain}", value)


def _read(records: list[str], domain: str, place: str) -> Policy:
    try:
        found = only(records)
        _check(found)
    except ValueError as error:
        raise PolicyError(f"_dmarc.{place}: {error}") from None
    return Policy(domain, place, records[0], found)


def _check(record: dict[str, str]) -> None:
    for name, default in (("p", ""), ("sp", "none")):
        if record.get(name, default).lower() not in ASKS:
            raise ValueError(f"{name}={record.get(name, '')} is none of {', '.join(ASKS)}")


@cache
def suffixes() -> PublicSuffixList:
    """Return the list; reading it takes a tenth of a second."""
    return PublicSuffixList()
