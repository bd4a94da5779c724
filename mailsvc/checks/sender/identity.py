"""Who we claim to be, and which addresses the receivers see us under.

A source address behind address translation is not what receivers see; then, and where none is configured, our addresses
are presumed to be those of the HELO name, since that has to be theirs (RFC 5321 4.1.1.1).
"""

import asyncio
import ipaddress
import re
from dataclasses import dataclass

from mailsvc.checks.sender.finding import Severity
from mailsvc.dns import DnsTrouble, NoSuchDomain, is_public
from mailsvc.dns.resolver import Ask
from mailsvc.signing.key import KeyInfo

#: A domain name with at least two labels, the last of them no number (RFC 1123 2.1, RFC 3696 2).
_FULL_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9-]{2,63}")
#: Last labels that no name of the Internet has (RFC 6761, RFC 6762, RFC 8375, RFC 9476, ICANN's reserved ``internal``).
_LOCAL_ENDINGS = ("local", "localhost", "localdomain", "internal", "lan", "home.arpa", "alt")
_DOCUMENTATION = [
    ipaddress.ip_network(network)
    for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What is configured; domains and host names in lower case, without the root dot."""

    sender_domain: str  #: of the header From: DKIM ``d=``
    bounce_domain: str  #: of the envelope sender
    helo: str  #: EHLO argument, a name or an address literal
    sources: tuple[str, ...] = ()  #: local IP addresses mails are sent from; empty: the system chooses
    relay: str | None = None  #: the server that all mail leaves through; None: it goes to the mail exchangers itself
    keys: tuple[KeyInfo, ...] = ()
    key_fault: str | None = None  #: why the keys could not be read
    receives: bool = True  #: whether this service has an SMTP listener for reports
    certificate: bytes | None = None  #: PEM of the listener's certificate, leaf first; None: no TLS
    private_allowed: bool = False  #: addresses that are not public are as good as others (tests)

    def address_fault(self, ip: str) -> tuple[Severity, str] | None:
        """Say why the Internet cannot reach an address, or None."""
        if self.private_allowed or is_public(ip):
            return None
        address = ipaddress.ip_address(ip)
        if any(address.version == network.version and address in network for network in _DOCUMENTATION):
            return Severity.WARNING, f"{ip} is an address for documentation (RFC 5737, RFC 3849)"
        return Severity.ERROR, f"{ip} is no address of the Internet"


@dataclass(frozen=True, slots=True)
class Senders:
    """The addresses receivers see."""

    addresses: tuple[str, ...]
    origin: str  #: where they are known from, or why they are not known
    trouble: bool = False  #: DNS gave no answer about them


async def senders(identity: Identity, ask: Ask) -> Senders:
    """Return the addresses that mails are sent from as far as they can be known from here."""
    configured = tuple(ip for ip in identity.sources if not _behind_translation(identity, ip))
    if configured:
        return Senders(configured, "MAILSVC_SOURCE_ADDRESSES")
    origin = f"the addresses of {identity.helo} (MAILSVC_HELO), since MAILSVC_SOURCE_ADDRESSES names no public one"
    if not is_full_name(identity.helo):
        return Senders((), "neither MAILSVC_SOURCE_ADDRESSES nor MAILSVC_HELO tells the addresses that receivers see")
    try:
        found = await addresses(ask, identity.helo)
    except DnsTrouble as trouble:
        return Senders((), str(trouble), trouble=True)
    presumed = tuple(ip for ip in found if not _behind_translation(identity, ip))
    return Senders(presumed, origin if presumed else f"{identity.helo} (MAILSVC_HELO) has no public address")


async def addresses(ask: Ask, host: str) -> list[str]:
    """Return all addresses of a host, IPv4 first; raise `DnsTrouble` unless both families were answered."""
    families = await asyncio.gather(_family(ask, host, "A"), _family(ask, host, "AAAA"))
    return [ip for family in families for ip in family]


async def _family(ask: Ask, host: str, type_: str) -> tuple[str, ...]:
    try:
        return (await ask(host, type_)).values
    except NoSuchDomain:
        return ()


def is_full_name(name: str) -> bool:
    """Whether a host name can be looked up by everybody."""
    return _FULL_NAME.fullmatch(name) is not None and not name.endswith(tuple(f".{end}" for end in _LOCAL_ENDINGS))


def _behind_translation(identity: Identity, ip: str) -> bool:
    fault = identity.address_fault(ip)
    return fault is not None and fault[0] is Severity.ERROR
