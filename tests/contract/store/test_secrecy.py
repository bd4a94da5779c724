"""The login code at rest: sealed in its own row, wiped at the end, nowhere in clear."""

import secrets
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.domain.identifier import new_id
from mailsvc.domain.outcome import Permanence
from mailsvc.domain.secret import Secret
from mailsvc.store import Cipher, CipherError, Store, lifecycle
from mailsvc.store.idempotency import Claim
from tests.support.domain import NOW, attempt
from tests.support.store import KEY, accept, asked, claim, conclude, count, current, on_disk, opened

OTHER_KEY = bytes(32)
ID, OTHER_ID = new_id("msg", NOW), new_id("msg", NOW)
SECRET = Secret("042917")


@given(st.text(max_size=40))
def test_sealed_code_opens_in_its_row(code: str) -> None:
    """What is sealed comes out, its text is not in what is stored, and no two sealings are equal."""
    cipher = Cipher([KEY])
    sealed = cipher.seal(Secret(code), ID)
    assert cipher.open(sealed, ID).reveal() == code
    assert sealed != cipher.seal(Secret(code), ID)
    assert len(code) < 6 or code.encode() not in sealed


def test_sealed_code_does_not_open_elsewhere() -> None:
    """In another row, under another key, changed or cut, a sealed code does not open, and the error hides it."""
    cipher = Cipher([KEY])
    sealed = cipher.seal(SECRET, ID)
    changed = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    cut = [sealed[:end] for end in range(len(sealed))]
    for opens, text, row in [(cipher, sealed, OTHER_ID), (Cipher([OTHER_KEY]), sealed, ID)] + [
        (cipher, wrong, ID) for wrong in changed + cut
    ]:
        with pytest.raises(CipherError) as caught:
            opens.open(text, row)
        assert row in str(caught.value)
        assert "042917" not in str(caught.value)


def test_cipher_is_made_of_whole_keys_only() -> None:
    """A key that has not 32 octets, or none at all, is refused."""
    for keys in ([], [bytes(31)], [bytes(32), bytes(33)]):
        with pytest.raises(ValueError, match="32 octets"):
            Cipher(keys)


def test_first_key_seals_and_every_key_opens() -> None:
    """A key is rotated by putting a new one in front; when the old one goes, what it sealed does not open."""
    old = Cipher([KEY]).seal(SECRET, ID)
    rotated = Cipher([OTHER_KEY, KEY])
    assert rotated.open(old, ID) == SECRET
    assert Cipher([OTHER_KEY]).open(rotated.seal(SECRET, ID), ID) == SECRET
    with pytest.raises(CipherError, match="MAILSVC_SECRET_KEYS"):
        Cipher([OTHER_KEY]).open(old, ID)


async def test_code_moved_to_another_row_is_not_sent(store: Store) -> None:
    """Whoever copies a sealed code into another message gains nothing: that message fails."""
    victim, thief = [(await accept(store, asked(challenge=name))).message for name in ("victim", "thief")]
    assert victim is not None
    assert thief is not None
    for message in (victim, thief):
        await conclude(store, message, attempt())
    move = f"UPDATE messages SET code = (SELECT code FROM messages WHERE id = '{victim.id}') WHERE id = '{thief.id}'"
    await store.write(lambda tx: tx.connection.exec_driver_sql(move))
    assert await claim(store, thief, NOW + 10) is None
    assert (await current(store, thief)).state == "failed"
    assert await claim(store, victim, NOW + 10) is not None


async def test_codes_stand_in_no_file_in_clear(database_url: str, tmp_path: Path) -> None:
    """Neither while it lives, nor after its end, nor after a restart does any file of the store hold a code."""
    codes = [secrets.token_hex(16) for _ in range(200)]
    async with opened(database_url) as store:
        for number, code in enumerate(codes):
            await _live(store, code, number)
        assert _found(tmp_path, codes) == []
    assert _found(tmp_path, codes) == []
    async with opened(database_url):
        assert _found(tmp_path, codes) == []


async def _live(store: Store, code: str, number: int) -> None:
    claim_ = Claim("key_1", code[::-1], f'{{"code": "{code}"}}'.encode())
    done = await accept(store, asked(code=Secret(code), challenge=f"c{number // 2}"), claim=claim_)
    assert done.message is not None
    if number % 4 == 1:
        await store.write(lambda tx: lifecycle.cancel(tx, done.message.id, NOW))  # type: ignore[union-attr]
    elif number % 4 == 3:
        await conclude(store, done.message, attempt(Permanence.DELIVERED))


async def test_sealed_codes_are_wiped_from_the_database_file(database_url: str, tmp_path: Path) -> None:
    """After the end even the sealed code is overwritten where it stood, once the log has been written back."""
    async with opened(database_url) as store:
        sent = [(await accept(store, asked(challenge=f"c{number}"))).message for number in range(300)]
        sealed = await store.read(lambda tx: tx.exec_driver_sql("SELECT code FROM messages").scalars().all())
        assert len(set(sealed)) == 300
        for message in sent:
            assert message is not None
            await conclude(store, message, attempt(Permanence.DELIVERED))
        assert await count(store, "messages WHERE code IS NOT NULL") == 0
    with sqlite3.connect(tmp_path / "mailsvc.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    stored = on_disk(tmp_path)
    assert [code for code in sealed if code[16:] in stored] == []


def _found(folder: Path, codes: list[str]) -> list[str]:
    stored = on_disk(folder)
    return [code for code in codes if code.encode() in stored]
