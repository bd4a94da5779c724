"""Sessions of the console: who is signed in, by a digest of the secret in the cookie.

A session ends by itself, by signing out, and with its API key.
"""

import secrets

from sqlalchemy import Connection, delete, insert, select

from mailsvc.domain.access import ApiKey, Scope, digest
from mailsvc.store.schema import api_keys, console_sessions
from mailsvc.store.transaction import Transaction

#: A session lasts a long working day (seconds).
LIFE = 12 * 3600.0


def begin(tx: Transaction, key: ApiKey, now: float) -> str:
    """Begin a session for the holder of a key; return its secret. Sessions that are over are deleted with it."""
    secret = secrets.token_urlsafe(32)
    tx.connection.execute(delete(console_sessions).where(console_sessions.c.until <= now))
    row = {"digest": digest(secret), "key": key.id, "until": now + LIFE}
    tx.connection.execute(insert(console_sessions), row)
    return secret


def holder(connection: Connection, secret: str, now: float) -> ApiKey | None:
    """Return the living key of a session, None where there is no such session any more."""
    query = (
        select(api_keys)
        .join(console_sessions, console_sessions.c.key == api_keys.c.id)
        .where(
            console_sessions.c.digest == digest(secret), console_sessions.c.until > now, api_keys.c.revoked_at.is_(None)
        )
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else ApiKey(row.id, row.name, frozenset(map(Scope, row.scopes)), row.created_at)


def end(tx: Transaction, secret: str) -> None:
    """End a session."""
    tx.connection.execute(delete(console_sessions).where(console_sessions.c.digest == digest(secret)))
