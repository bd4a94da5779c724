"""One DKIM key: what it signs with, and the DNS record that lets others verify it.

Decides the text of the public record (RFC 6376 3.6.1, RFC 8463 4) and whether what DNS shows is that record.
Never touches a file, never shows a private key. A key that is unfit to sign is refused with ``DkimKeyError``.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

Algorithm = Literal["rsa-sha256", "ed25519-sha256"]
State = Literal["pending", "active", "retired"]
PrivateKey = RSAPrivateKey | Ed25519PrivateKey

#: Length of the RSA keys we make, and the least we sign with (bits), RFC 8301 3.2.
RSA_BITS = 2048
#: A retired key's record stays in DNS at least this long (seconds): mail on its way is verified with it.
RECORD_KEPT = 7 * 86400.0

_STRING_MAX = 255  # octets of one character-string of a TXT record, RFC 1035 3.3
_PADDING, _HASH = PKCS1v15(), hashes.SHA256()


class DkimKeyError(Exception):
    """A key cannot be used or changed as asked; the message is one line for people."""


class UnknownSelectorError(DkimKeyError):
    """The folder has no key of this selector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """What may be known of a key by everybody."""

    selector: str  #: ``s=``, RFC 6376 3.1
    algorithm: Algorithm  #: ``a=``
    name: str  #: owner name of the TXT record, without the root dot
    value: str  #: the TXT record as one string; over 255 octets it is published in parts, see ``zone_line``
    state: State  #: only ``active`` keys sign

    @property
    def zone_line(self) -> str:
        """The record as a line of a zone file, cut into strings of at most 255 octets (RFC 6376 3.6.2.2)."""
        return txt_line(self.name, self.value)

    def fault(self, records: Sequence[str]) -> str | None:
        """Say what is wrong with the TXT ``records`` found at ``name``, or None when they show exactly this key.

        Order of the tags and blanks do not matter. Two records are a fault: a verifier may take either.
        """
        if not records:
            return f"DNS has no TXT record at {self.name}"
        if len(records) > 1:
            return f"DNS has {len(records)} TXT records at {self.name} where there must be one"
        if _tags(records[0]) != _tags(self.value):
            return f"the TXT record at {self.name} is not that of this key"
        return None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its public side."""

    info: KeyInfo
    private: PrivateKey = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        """Return the raw signature over ``data``; the same data gives the same bytes. RSA releases the GIL."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(data, _PADDING, _HASH)
        return self.private.sign(hashlib.sha256(data).digest())  # RFC 8463 3: Ed25519 over the SHA-256


def txt_line(name: str, value: str) -> str:
    """Return a TXT record as a line of a zone file; ``value``: ASCII without quotation marks, cut where it is long."""
    parts = (value[i : i + _STRING_MAX] for i in range(0, len(value), _STRING_MAX))
    return f"{name}. IN TXT " + " ".join(f'"{part}"' for part in parts)


def load(pem: bytes, source: str) -> PrivateKey:
    """Read an unencrypted private key; raise `DkimKeyError` naming its ``source`` where it cannot sign."""
    try:
        key = load_pem_private_key(pem, None)
    except TypeError:
        raise DkimKeyError(f"{source} is encrypted; store it without a pass phrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise DkimKeyError(f"{source} is damaged or no private key in PEM form") from None
    if isinstance(key, Ed25519PrivateKey):
        return key
    if not isinstance(key, RSAPrivateKey):
        raise DkimKeyError(f"{source} is neither an RSA nor an Ed25519 key")
    if key.key_size < RSA_BITS:
        raise DkimKeyError(f"{source} is RSA with {key.key_size} bits; {RSA_BITS} or more are needed")
    return key


def describe(private: PrivateKey, *, selector: str, domain: str, state: State) -> KeyInfo:
    """Return what may be known of ``private`` under ``selector._domainkey.domain``."""
    public = private.public_key()
    algorithm: Algorithm
    if isinstance(private, RSAPrivateKey):
        algorithm, kind = "rsa-sha256", "rsa"
        data = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        algorithm, kind = "ed25519-sha256", "ed25519"
        data = public.public_bytes(Encoding.Raw, PublicFormat.Raw)  # RFC 8463 4.2: the bare 32 octets
    return KeyInfo(
        selector=selector,
        algorithm=algorithm,
        name=f"{selector}._domainkey.{domain}",
        value=f"v=DKIM1; k={kind}; p={b64encode(data).decode()}",
        state=state,
    )


def _tags(record: str) -> dict[str, str]:
    """Read a tag list (RFC 6376 3.2) for comparison: blanks mean nothing in ``v``, ``k`` and ``p``."""
    pairs = (tag.partition("=") for tag in "".join(record.split()).split(";") if tag)
    return {name: value for name, _, value in pairs}
