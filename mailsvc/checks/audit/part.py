"""OUT while it is written: a part and a journal beside it, from which the same command goes on after any end.

The journal says how many octets of the part are good and for how many rows; what the part has beyond that, written
before a crash, is cut off. A journal is on the disk later than the octets it speaks of, so a power cut costs some
seconds of work and nothing else. OUT appears whole, at the end, under its own name. What is made is the owner's alone.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self

from mailsvc.checks.audit.tally import Tally

_OWNER_ALONE = 0o600
#: Goes up when the journal, or what OUT holds, changes its form.
_FORMAT = 1


class PartError(Exception):
    """There is a part that this command cannot go on with; the message says what to do."""


class Part:
    """An OUT that this process alone is writing; a context manager, at whose end everything added is kept."""

    def __init__(self, out: Path, about: Mapping[str, object], *, anew: bool = False) -> None:
        """Open the part of an OUT, or begin one; ``anew``: whatever there is already.

        ``about`` is what the octets of OUT follow from, as JSON takes it. Raises `PartError`.
        """
        self._out = out
        self._path = _beside(out, ".part")
        self._journal = _beside(out, ".part.json")
        self._about = {"format": _FORMAT} | dict(about)
        begun = self._path.exists() and not anew
        self._file = _opened(self._path)
        try:
            self._lock()
            self.rows, octets, self.tally = self._read_journal() if begun and self._journal.exists() else _nothing()
            self._file.truncate(octets)
            self._file.seek(octets)
            self.keep()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._file.closed:  # published
            return
        try:
            if not isinstance(error, OSError):  # of which nobody knows how far it wrote
                self.keep()
        finally:
            self._file.close()

    @property
    def octets(self) -> int:
        """How long it is."""
        return self._file.tell()

    def add(self, octets: bytes, rows: int) -> None:
        """Add what OUT has for some rows of the list, which are counted in the tally."""
        self._file.write(octets)
        self.rows += rows

    def keep(self) -> None:
        """Have the disk keep what was added so far."""
        self._file.flush()
        os.fsync(self._file.fileno())
        journal = {"about": self._about, "octets": self.octets, "rows": self.rows, "tally": self.tally.kept()}
        write_whole(self._journal, json.dumps(journal).encode())

    def publish(self) -> None:
        """Give OUT its name, after the last row; nothing can be added then."""
        self.keep()
        self._path.replace(self._out)
        self._file.close()
        self._journal.unlink()
        _sync_folder(self._out)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PartError(f"{self._path} is being written by another audit") from None

    def _read_journal(self) -> tuple[int, int, Tally]:
        try:
            journal: dict[str, Any] = json.loads(self._journal.read_bytes())
        except ValueError:
            raise PartError(f"{self._journal} is damaged; begin anew with --restart") from None
        if journal["about"] != self._about:
            raise PartError(
                f"{self._path} was begun with other options, or the list has changed since; give the same as "
                "then to go on, or --restart to begin anew"
            )
        if self._path.stat().st_size < journal["octets"]:
            raise PartError(f"{self._path} has lost its end; begin anew with --restart")
        return journal["rows"], journal["octets"], Tally.again(journal["tally"])


def interrupted(out: Path) -> bool:
    """Whether an OUT was begun and not published."""
    return _beside(out, ".part").exists()


def _nothing() -> tuple[int, int, Tally]:
    return 0, 0, Tally()


def write_whole(path: Path, octets: bytes) -> None:
    """Write a file that is seen whole or not at all, and is on the disk when this returns."""
    new = _beside(path, ".new")
    with _opened(new) as file:
        file.truncate(0)
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    _sync_folder(path)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _opened(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, _OWNER_ALONE), "wb")


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
