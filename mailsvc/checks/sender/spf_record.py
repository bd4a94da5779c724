"""The text of an SPF record (RFC 7208 4.6, 5, 6, 12).

Decides what its terms are; never asks DNS. A record that is none raises `SpfError`, as a receiver gives "permerror".
"""

import ipaddress
import re
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MECHANISM = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)((?::[^/]+)?)(/.*)?", re.IGNORECASE)
_IP_MECHANISM = re.compile(r"([+?~-]?)(ip4|ip6):(\S+)", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)", re.IGNORECASE)
_LENGTHS = re.compile(r"(?:/(\d|[1-9]\d))?(?://(\d|[1-9]\d|1\d\d))?")
_VERSION = re.compile(r"v=spf1(?: |$)", re.IGNORECASE)
_NAMED = frozenset({"include", "exists"})  # cannot do without a domain
_BARE = frozenset({"all", "include", "ptr", "exists"})  # take no prefix length


class SpfError(Exception):
    """Receivers give "permerror"; the message says why."""


@dataclass(frozen=True, slots=True)
class Directive:
    """A mechanism with its qualifier."""

    text: str  #: as written
    qualifier: str  #: one of ``+ - ~ ?``
    mechanism: str  #: lower case
    domain: str = ""  #: domain-spec; empty: the domain of the record
    network: Network | None = None  #: of ``ip4`` and ``ip6``
    lengths: tuple[int, int] = (32, 128)  #: prefix lengths of ``a`` and ``mx``, IPv4 and IPv6


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """A record that can be evaluated."""

    text: str
    directives: tuple[Directive, ...]
    redirect: str | None  #: has no effect beside ``all``, RFC 7208 6.1


def is_spf(text: str) -> bool:
    """Whether a TXT record is an SPF record (RFC 7208 4.5)."""
    return _VERSION.match(text) is not None


def parse(text: str) -> SpfRecord:
    """Read a record; raise `SpfError` where receivers could not."""
    directives: list[Directive] = []
    modifiers: dict[str, str] = {}
    for term in text.split(" ")[1:]:
        if modifier := _MODIFIER.fullmatch(term):
            name = modifier[1].lower()
            if name in modifiers and name in ("redirect", "exp"):
                raise SpfError(f"{name}= stands there twice")
            modifiers[name] = modifier[2]
        elif term:
            directives.append(_directive(term))
    if modifiers.get("redirect") == "":
        raise SpfError("redirect= names no domain")
    has_all = any(directive.mechanism == "all" for directive in directives)
    return SpfRecord(text, tuple(directives), None if has_all else modifiers.get("redirect"))


def _directive(term: str) -> Directive:
    if found := _IP_MECHANISM.fullmatch(term):
        qualifier, mechanism = found[1] or "+", found[2].lower()
        return Directive(term, qualifier, mechanism, network=_network(term, mechanism, found[3]))
    found = _MECHANISM.fullmatch(term)
    lengths = _LENGTHS.fullmatch(found[4] or "") if found else None
    if not found or not lengths or found[2].lower() in ("ip4", "ip6"):
        raise SpfError(f"{term} is no mechanism of SPF")
    mechanism, domain = found[2].lower(), found[3][1:]
    if (mechanism in _NAMED and not domain) or (mechanism == "all" and domain):
        raise SpfError(f"{term} {'names no' if mechanism in _NAMED else 'takes no'} domain")
    if mechanism in _BARE and found[4]:
        raise SpfError(f"{term} takes no prefix length")
    pair = (int(lengths[1] or 32), int(lengths[2] or 128))
    if pair[0] > 32 or pair[1] > 128:  # noqa: PLR2004  bits of the two families
        raise SpfError(f"{term} has a prefix length beyond the address")
    return Directive(term, found[1] or "+", mechanism, domain.lower(), lengths=pair)


def _network(term: str, mechanism: str, text: str) -> Network:
    kind = ipaddress.IPv4Network if mechanism == "ip4" else ipaddress.IPv6Network
    try:
        if re.fullmatch(r"[^/]+(/\d{1,3})?", text):  # no netmask, RFC 7208 5.6
            return kind(text, strict=False)
    except ValueError:
        pass
    raise SpfError(f"{term} names no network of its family")
