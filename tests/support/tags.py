"""The tag of an address, as only the store and the mails to it know it."""

import sqlite3
from contextlib import closing
from pathlib import Path


def tag_of(folder: Path, identity: str) -> str:
    """Return the tag of an address from the database of a service."""
    with closing(sqlite3.connect(f"file:{folder / 'mailsvc.db'}?mode=ro", uri=True)) as database:
        (tag,) = database.execute("SELECT tag FROM addresses WHERE identity = ?", [identity]).fetchone()
    return str(tag)


def tags_of(folder: Path) -> dict[str, str]:
    """Return the tag of every address."""
    with closing(sqlite3.connect(f"file:{folder / 'mailsvc.db'}?mode=ro", uri=True)) as database:
        return dict(database.execute("SELECT identity, tag FROM addresses"))
