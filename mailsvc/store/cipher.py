"""Login codes at rest: AES-256-GCM under rotating keys, and keyed fingerprints of requests.

A sealed code is ``key id (4) | nonce (12) | ciphertext and tag``; the message id is the associated data, so that a
sealed code opens in its own row only. The first key seals, all open.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mailsvc.domain.secret import Secret

KEY_OCTETS = 32
_ID_OCTETS = 4
_NONCE_OCTETS = 12


class CipherError(Exception):
    """A sealed code does not open: its key is gone, or it was changed or moved to another row."""


class Cipher:
    """Seals and opens login codes; made from one or more keys of 32 octets."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_OCTETS for key in keys):
            raise ValueError(f"needs at least one key of {KEY_OCTETS} octets")
        self._keys = {_key_id(key): key for key in keys}
        self._ciphers = {key_id: AESGCM(key) for key_id, key in self._keys.items()}
        self._first = _key_id(keys[0])

    def seal(self, code: Secret, message_id: str) -> bytes:
        """Encrypt a code for the row of a message."""
        nonce = secrets.token_bytes(_NONCE_OCTETS)
        sealed = self._ciphers[self._first].encrypt(nonce, code.reveal().encode(), message_id.encode())
        return self._first + nonce + sealed

    def open(self, sealed: bytes, message_id: str) -> Secret:
        """Decrypt the code of a message; raise `CipherError` when it cannot be."""
        key_id, rest = sealed[:_ID_OCTETS], sealed[_ID_OCTETS:]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise CipherError(f"the code of {message_id} was sealed with a key that MAILSVC_SECRET_KEYS lacks")
        try:
            plain = cipher.decrypt(rest[:_NONCE_OCTETS], rest[_NONCE_OCTETS:], message_id.encode())
        except (InvalidTag, ValueError):  # changed, or cut
            raise CipherError(f"the code of {message_id} does not open") from None
        return Secret(plain.decode())

    def fingerprint(self, body: bytes) -> str:
        """Return the keyed fingerprint of a request (HMAC-SHA256 under the first key), with the key's id."""
        return self._fingerprint(self._first, body)

    def matches(self, fingerprint: str, body: bytes) -> bool:
        """Whether a fingerprint, made under any key still known, is that of this request."""
        key_id = bytes.fromhex(fingerprint[: 2 * _ID_OCTETS])
        return key_id in self._keys and hmac.compare_digest(fingerprint, self._fingerprint(key_id, body))

    def _fingerprint(self, key_id: bytes, body: bytes) -> str:
        # A key of its own for another purpose: the encryption key never meets another algorithm.
        key = hmac.digest(self._keys[key_id], b"mailsvc idempotency", "sha256")
        return key_id.hex() + hmac.digest(key, body, "sha256").hex()


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"mailsvc key id" + key).digest()[:_ID_OCTETS]
