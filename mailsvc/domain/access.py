"""API keys and what they allow (CONTRACT 3)."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a key may do."""

    SUBMIT = "submit"
    READ = "read"
    CHECK = "check"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A known key, without its secret."""

    id: str  #: ``key_`` and 28 letters
    name: str
    scopes: frozenset[Scope]
    created_at: float
    revoked_at: float | None = None


def digest(secret: str) -> str:
    """Return what is stored of a secret: SHA-256; the secrets are 256 random bits, so no salt or stretching."""
    return hashlib.sha256(secret.encode()).hexdigest()


def scopes(names: Iterable[str]) -> frozenset[Scope]:
    """Read scope names; raise `ValueError` naming the known ones."""
    try:
        return frozenset(Scope(name) for name in names)
    except ValueError:
        raise ValueError(f"the scopes are {', '.join(Scope)}") from None
