"""Idempotency keys (CONTRACT 3.1): one answer per API key, key and body for a day.

The stored fingerprint of the body is keyed (HMAC): the table alone does not let anyone guess a code.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from mailsvc.store.cipher import Cipher
from mailsvc.store.schema import idempotency
from mailsvc.store.sql import Prepared, upsert
from mailsvc.store.transaction import Transaction

#: How long an answer is repeated (seconds).
KEPT = 24 * 3600.0

_FIND = Prepared(
    select(idempotency.c.fingerprint, idempotency.c.answer, idempotency.c.at).where(
        idempotency.c.api_key == bindparam("api_key"), idempotency.c.key == bindparam("key")
    )
)
_KEEP = upsert(idempotency, ["api_key", "key"], ["fingerprint", "answer", "at"])


class IdempotencyConflict(Exception):
    """The key was used for another body."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An idempotency key as one request states it."""

    api_key: str  #: id of the API key; two of them never meet
    key: str
    body: bytes  #: the request in one canonical spelling


def find(connection: Connection, cipher: Cipher, claim: Claim, now: float) -> dict[str, Any] | None:
    """Return the answer given before to this request, None when there is none.

    Raises `IdempotencyConflict` when the key has answered another body.
    """
    row = _FIND.first(connection, api_key=claim.api_key, key=claim.key)
    if row is None or row.at <= now - KEPT:
        return None
    if not cipher.matches(row.fingerprint, claim.body):
        raise IdempotencyConflict
    answer: dict[str, Any] = row.answer
    return answer


def keep(tx: Transaction, claim: Claim, answer: dict[str, Any], now: float) -> None:
    """Keep the answer to a request; an answer that is out of date gives way."""
    fingerprint = tx.cipher.fingerprint(claim.body)
    _KEEP.all(tx.connection, api_key=claim.api_key, key=claim.key, fingerprint=fingerprint, answer=answer, at=now)
