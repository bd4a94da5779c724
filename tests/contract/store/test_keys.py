"""API keys: made, found, revoked; their secrets nowhere."""

import asyncio
from pathlib import Path

import pytest

from mailsvc.domain.access import Scope, scopes
from mailsvc.store import Connection, Store, keys
from mailsvc.store.store import with_connection
from tests.support.domain import NOW
from tests.support.store import accept, on_disk

READER = frozenset({Scope.READ})


async def new(store: Store, name: str, at: float = NOW) -> tuple[str, str]:
    key, secret = await store.write(lambda tx: keys.new(tx.connection, name, READER, at))
    return key.id, secret


async def found(store: Store, secret: str) -> str | None:
    key = await store.read(lambda connection: keys.find(connection, secret))
    return key.id if key else None


async def test_key_is_found_by_its_secret_with_its_scopes(store: Store) -> None:
    """The secret opens its own key and no other text opens anything."""
    key, secret = await store.write(lambda tx: keys.new(tx.connection, "auth", READER, NOW))
    assert await store.read(lambda connection: keys.find(connection, secret)) == key
    assert (key.name, key.scopes, key.created_at, key.revoked_at) == ("auth", READER, NOW, None)
    for other in ("", secret[:-1], secret + "x", secret.upper(), key.id):
        assert await found(store, other) is None


async def test_secrets_have_256_random_bits_and_are_not_stored(store: Store, tmp_path: Path) -> None:
    """No two secrets are equal, and no file holds one."""
    secrets = [(await new(store, "auth"))[1] for _ in range(20)]
    assert all(secret.startswith("mk_") and len(secret) == 46 for secret in secrets)
    assert len(set(secrets)) == 20
    stored = on_disk(tmp_path)
    assert not any(secret.encode() in stored or secret[3:].encode() in stored for secret in secrets)


async def test_revoked_key_is_not_found(store: Store) -> None:
    """A key is revoked by its id or its name, once; others of other names go on."""
    by_id, by_name, twin, other = [await new(store, name) for name in ("a", "b", "b", "c")]
    assert [key.id for key in await store.write(lambda tx: keys.revoke(tx.connection, by_id[0], NOW + 1))] == [by_id[0]]
    revoked = await store.write(lambda tx: keys.revoke(tx.connection, "b", NOW + 2))
    assert {key.id for key in revoked} == {by_name[0], twin[0]}
    assert await store.write(lambda tx: keys.revoke(tx.connection, "b", NOW + 3)) == []
    assert await store.write(lambda tx: keys.revoke(tx.connection, "nobody", NOW + 3)) == []
    assert [await found(store, secret) for _, secret in (by_id, by_name, twin, other)] == [None, None, None, other[0]]


async def test_every_key_is_listed_oldest_first(store: Store) -> None:
    """The list has revoked keys too, with the instant of their end."""
    made = [await new(store, name, NOW + at) for at, name in enumerate("cab")]
    await store.write(lambda tx: keys.revoke(tx.connection, "a", NOW + 9))
    listed = await store.read(keys.every)
    assert [key.id for key in listed] == [id_ for id_, _ in made]
    assert [key.revoked_at for key in listed] == [None, NOW + 9, None]


async def test_configured_key_is_made_once_and_stays_revoked(store: Store) -> None:
    """The key of the configuration has every scope, is not made again, and does not come back when revoked."""
    for at in (NOW, NOW + 1):
        await store.write(lambda tx, at=at: keys.ensure(tx.connection, "first", "mk_first", at))  # type: ignore[misc]
    (key,) = await store.read(keys.every)
    assert (key.scopes, key.created_at) == (frozenset(Scope), NOW)
    await store.write(lambda tx: keys.revoke(tx.connection, "first", NOW + 2))
    await store.write(lambda tx: keys.ensure(tx.connection, "first", "mk_first", NOW + 3))
    assert await found(store, "mk_first") is None
    assert len(await store.read(keys.every)) == 1


async def test_changed_configured_key_is_a_rotation(store: Store) -> None:
    """The former key of the name ends when another one takes its place, and does not come back; others go on."""
    other = await new(store, "other")
    for at, secret in enumerate(("mk_first", "mk_second"), 1):
        await store.write(lambda tx, at=at, secret=secret: keys.ensure(tx.connection, "own", secret, NOW + at))  # type: ignore[misc]
    assert await found(store, "mk_first") is None
    assert await found(store, "mk_second")
    assert await found(store, other[1]) == other[0]
    assert [key.revoked_at for key in await store.read(keys.every)] == [None, NOW + 2, None]
    await store.write(lambda tx: keys.ensure(tx.connection, "own", "mk_first", NOW + 3))
    assert [await found(store, secret) for secret in ("mk_first", "mk_second")] == [None, None]


async def test_command_writes_beside_a_running_service(store: Store, database_url: str) -> None:
    """A command's work is durable when it returns, seen by the service at once, and undone when it fails."""

    def make(connection: Connection) -> str:
        return keys.new(connection, "cli", READER, NOW)[1]

    def fail(connection: Connection) -> None:
        make(connection)
        raise ValueError

    secrets = await asyncio.gather(
        *(asyncio.to_thread(with_connection, database_url, make) for _ in range(3)), accept(store), accept(store)
    )
    assert all([await found(store, str(secret)) for secret in secrets[:3]])
    with pytest.raises(ValueError, match=r"^$"):
        await asyncio.to_thread(with_connection, database_url, fail)
    assert len(await store.read(keys.every)) == 3


def test_unknown_scope_names_the_known_ones() -> None:
    """A scope that does not exist is refused with the list of those that do."""
    assert scopes(["read", "submit"]) == {Scope.READ, Scope.SUBMIT}
    with pytest.raises(ValueError, match="the scopes are submit, read, check, operate"):
        scopes(["read", "root"])
