"""Mail addresses in ASCII: grammar, wire form, identity, masking.

Decides what may stand in a RCPT TO and a To field. Non-ASCII domains are converted before (checks/address.py).
Refuses everything else with ``AddressError``; never repairs.
"""

import re
from dataclasses import dataclass

LOCAL_PART_MAX = 64  # octets, RFC 5321 4.5.3.1.1
DOMAIN_MAX = 253  # octets without the root dot, RFC 1035 3.1 (RFC 5321 4.5.3.1.2 says 255 on the wire)
PATH_MAX = 254  # octets without the angle brackets, RFC 5321 4.5.3.1.3 and erratum 1690
LABEL_MAX = 63  # octets, RFC 1035 2.3.4

#: Carriers that issued local parts with ".." or a dot before "@" until 2009 (docomo: RFC違反アドレス; au: ezweb).
#: Such addresses are still in use; on the wire they need the quoted form (RFC 5321 4.1.2 Quoted-string).
NONCONFORMING_DOMAINS = frozenset({"docomo.ne.jp", "ezweb.ne.jp"})

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"  # RFC 5322 3.2.3
_DOT_ATOM = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_CARRIER_LOCAL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")  # a leading dot was never issued
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")


class AddressError(ValueError):
    """The text is no address we would send to; the message says why and never repeats the text."""


@dataclass(frozen=True, slots=True)
class Address:
    """A valid address."""

    local: str  #: local part without quotes, case as written
    domain: str  #: ASCII, case as written

    @property
    def conforming(self) -> bool:
        """Whether the local part is a dot-atom (RFC 5321 4.1.2) and needs no quotes."""
        return _DOT_ATOM.fullmatch(self.local) is not None

    @property
    def wire(self) -> str:
        """The form for RCPT TO and the To field; quoted where the local part breaks the dot rules."""
        return f"{self.local}@{self.domain}" if self.conforming else f'"{self.local}"@{self.domain}'

    @property
    def identity(self) -> str:
        """The key under which tag, limits and states are kept: ASCII lower case, never quoted."""
        return f"{self.local}@{self.domain}".lower()

    @property
    def masked(self) -> str:
        """The form for answers and logs: ``t***@docomo.ne.jp``."""
        return f"{self.local[0]}***@{self.domain}"


def parse(text: str) -> Address:
    """Read an ASCII address exactly as written; raise `AddressError` where it is not one we would send to.

    The quoted form is taken only where the quotes are needed and the domain is a carrier that issued such addresses.
    """
    local, at, domain = text.rpartition("@")
    if not at:
        raise AddressError("has no @")
    if not text.isascii():
        raise AddressError("has characters outside ASCII")
    _check_domain(domain)
    quoted = len(local) > 1 and local[0] == local[-1] == '"'
    address = Address(local[1:-1] if quoted else local, domain)
    _check_local(address, quoted=quoted)
    if len(address.wire) > PATH_MAX:
        raise AddressError(f"is longer than {PATH_MAX} characters")
    return address


def _check_local(address: Address, *, quoted: bool) -> None:
    local = address.local
    if not local:
        raise AddressError("has nothing before the @")
    if len(local) > LOCAL_PART_MAX:
        raise AddressError(f"has more than {LOCAL_PART_MAX} characters before the @")
    if address.conforming:
        if quoted:
            raise AddressError("has quotes that it does not need")
        return
    if address.domain.lower() in NONCONFORMING_DOMAINS and _CARRIER_LOCAL.fullmatch(local):
        return
    raise AddressError("has a character or a dot before the @ that is not allowed there")


def _check_domain(domain: str) -> None:
    labels = domain.split(".")
    if len(domain) > DOMAIN_MAX or any(len(label) > LABEL_MAX for label in labels):
        raise AddressError("has a domain that is too long")
    if len(labels) < 2:  # noqa: PLR2004
        raise AddressError("has a domain without a dot")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressError("has a domain that is not a host name")
    if labels[-1].isdigit():
        raise AddressError("has a number where the top-level domain should stand")
