"""API keys: only digests of their secrets are stored."""

import secrets
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from mailsvc.domain.access import ApiKey, Scope, digest
from mailsvc.domain.identifier import new_id
from mailsvc.store.schema import api_keys


def new(connection: Connection, name: str, scopes: frozenset[Scope], now: float) -> tuple[ApiKey, str]:
    """Make a key; return it with its secret, which nobody can read again."""
    secret = f"mk_{secrets.token_urlsafe(32)}"
    return add(connection, name, scopes, secret, now), secret


def add(connection: Connection, name: str, scopes: frozenset[Scope], secret: str, now: float) -> ApiKey:
    """Store a key whose secret the caller has."""
    key = ApiKey(new_id("key", now), name, scopes, now)
    row = {
        "id": key.id,
        "name": name,
        "scopes": sorted(scopes),
        "digest": digest(secret),
        "created_at": now,
        "revoked_at": None,
    }
    connection.execute(insert(api_keys), row)
    return key


def ensure(connection: Connection, name: str, secret: str, now: float) -> None:
    """Have a key with every scope for this secret, and no other living one of this name.

    A key that was revoked stays revoked.
    """
    former = (api_keys.c.name == name) & (api_keys.c.digest != digest(secret)) & api_keys.c.revoked_at.is_(None)
    connection.execute(update(api_keys).where(former).values(revoked_at=now))
    known = select(api_keys.c.id).where(api_keys.c.digest == digest(secret))
    if connection.execute(known).first() is None:
        add(connection, name, frozenset(Scope), secret, now)


def find(connection: Connection, secret: str) -> ApiKey | None:
    """Return the living key of a secret."""
    query = select(api_keys).where(api_keys.c.digest == digest(secret), api_keys.c.revoked_at.is_(None))
    row = connection.execute(query).one_or_none()
    return None if row is None else _key(row)


def every(connection: Connection) -> list[ApiKey]:
    """Return all keys, revoked ones too, oldest first."""
    return [_key(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.id))]


def revoke(connection: Connection, id_or_name: str, now: float) -> list[ApiKey]:
    """Revoke the living keys of this id or name; return them."""
    named = or_(api_keys.c.id == id_or_name, api_keys.c.name == id_or_name) & api_keys.c.revoked_at.is_(None)
    found = [_key(row) for row in connection.execute(select(api_keys).where(named))]
    connection.execute(update(api_keys).where(named).values(revoked_at=now))
    return found


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(row.id, row.name, frozenset(Scope(name) for name in row.scopes), row.created_at, row.revoked_at)
