"""TLS policies and the contexts behind them.

Decides when TLS is asked for and whether the certificate must prove the host's name. Never goes below TLS 1.2.
A context is made once and shared; a failed handshake reaches the caller as ``ssl.SSLError``.
"""

import re
import ssl
from enum import StrEnum
from functools import cache

from mailsvc.domain.reply import Reply

_MUST_STARTTLS = 530  # RFC 3207 4; before AUTH too, which we do not use in clear
_ENCRYPTION_NEEDED = ".7.10"  # RFC 5248 2.4
_WORDS_FOR_TLS = re.compile(r"tls|\bssl\b|encrypt|secure (channel|connection|session|transport)", re.IGNORECASE)


class TlsPolicy(StrEnum):
    """How a session is protected; the values are those of ``tls=`` in a route, and ``opportunistic`` for MX."""

    NONE = "none"  #: never
    OPPORTUNISTIC = "opportunistic"  #: STARTTLS where offered, certificate not verified (RFC 7435)
    REQUIRED = "starttls"  #: STARTTLS must be offered and the certificate must name the host
    IMPLICIT = "implicit"  #: from the first byte, and the certificate must name the host (RFC 8314)

    @property
    def by_starttls(self) -> bool:
        """Whether the session begins in clear and is upgraded."""
        return self in (TlsPolicy.OPPORTUNISTIC, TlsPolicy.REQUIRED)


def asks_for_tls(reply: Reply) -> bool:
    """Whether a refusal in a session without TLS can be about that; on any other occasion the words say little."""
    by_code = reply.code == _MUST_STARTTLS or (reply.enhanced or "").endswith(_ENCRYPTION_NEEDED)
    return by_code or _WORDS_FOR_TLS.search(reply.text) is not None


def context(policy: TlsPolicy, trust: ssl.SSLContext | None) -> ssl.SSLContext:
    """Return the context for a policy; ``trust`` replaces the system's authorities where one is verified."""
    if policy is TlsPolicy.OPPORTUNISTIC:
        return _unverified()
    return trust or _verified()


@cache
def _verified() -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


@cache
def _unverified() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.check_hostname = False  # any encryption beats none; a policy that says more is not opportunistic
    made.verify_mode = ssl.CERT_NONE
    return made
