"""The dot gate of a store that one process owns: it says whether a message's bytes may be handed over now.

It lives in memory, so the answer costs no transaction, and it is told of a newer code inside the transaction that
accepts it: after that code's 202 no older one passes. Each message that passes is also marked in a mapped file, which
the kernel keeps when the process is killed: a restart tells the attempts whose dot may have left from those that had
not got so far. After a power cut the file proves nothing (its boot id differs) and every open attempt may have.
What the process before left in the file stays there until the first attempt of this one begins: by then everything
it left open is recorded, so that being killed again before that forgets nothing.
The same file is the lock that keeps a second process out.
"""

import fcntl
import mmap
import os
import threading
from pathlib import Path

#: Attempts that may be past the dot at one time; delivery never runs more.
SLOTS = 4096
_SLOT = 32  # octets: a message id has 32
_HEADER = 64  # octets: the boot id
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class GateLocked(Exception):
    """Another process owns this store."""


class _Entry:
    __slots__ = ("fence", "revoked", "slot")

    def __init__(self, fence: int) -> None:
        self.fence = fence
        self.revoked = False
        self.slot: int | None = None  #: set once the message is past the gate


class DotGate:
    """Which open attempts may still hand their mail over. Safe between the event loop and the writer thread."""

    def __init__(self, path: Path) -> None:
        """Take the file over; raise `GateLocked` while another process holds it."""
        self._file = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise GateLocked(f"{path.parent} is in use by another mailsvc process") from None
        # All its blocks now: writing into a hole of a mapped file on a full disk kills the process (SIGBUS).
        os.posix_fallocate(self._file.fileno(), 0, _HEADER + SLOTS * _SLOT)
        self._map = mmap.mmap(self._file.fileno(), _HEADER + SLOTS * _SLOT)
        self._rebooted = not _boot_id() or self._map[:_HEADER].rstrip(b"\0") != _boot_id()
        self._left = set() if self._rebooted else self._read_marks()
        self._begun = False
        self._free = list(range(SLOTS))
        self._entries: dict[str, _Entry] = {}
        self._kept: dict[str, int] = {}  # slots of abandoned attempts
        self._lock = threading.Lock()

    def may_have_left(self, message_id: str) -> bool:
        """Whether an attempt that was abandoned, by this process or the one before, may have handed its mail over."""
        return self._rebooted or message_id in self._left

    def enter(self, message_id: str, fence: int) -> None:
        """Note that an attempt begins."""
        with self._lock:
            self._begin()
            self._forget(message_id)
            self._entries[message_id] = _Entry(fence)

    def holds(self, message_id: str, fence: int) -> bool:
        """Whether an attempt may go on towards its hand-over."""
        with self._lock:
            return self._current(message_id, fence) is not None

    def admit(self, message_id: str, fence: int) -> bool:
        """Ask for the last time, directly before the mail's bytes; from a yes on the message counts as handed over."""
        with self._lock:
            entry = self._current(message_id, fence)
            if entry is None or (entry.slot is None and not self._free):
                return False
            if entry.slot is None:
                entry.slot = self._free.pop()
                self._mark(entry.slot, message_id.encode())
            return True

    def passed(self, message_id: str) -> bool:
        """Whether the open attempt of a message has been admitted."""
        with self._lock:
            entry = self._entries.get(message_id)
            return entry is not None and entry.slot is not None

    def open(self, message_id: str) -> bool:
        """Whether this process has an attempt of a message under way."""
        return message_id in self._entries

    def revoke(self, message_id: str) -> bool:
        """Shut the gate for a message; True when it has passed already (it races with what revokes it)."""
        with self._lock:
            entry = self._entries.get(message_id)
            if entry is None:
                return False
            entry.revoked = True
            return entry.slot is not None

    def reinstate(self, message_id: str) -> None:
        """Take a revocation back whose transaction failed."""
        with self._lock:
            if entry := self._entries.get(message_id):
                entry.revoked = False

    def leave(self, message_id: str) -> None:
        """Note that the attempt's end is recorded."""
        with self._lock:
            entry = self._entries.pop(message_id, None)
            if entry and entry.slot is not None:
                self._clear(entry.slot)

    def abandon(self, message_id: str) -> None:
        """Note that an attempt died without a record; `may_have_left` then tells what is to be recorded.

        Its mark stays in the file until `forget`: this process may be killed before the record is made.
        """
        with self._lock:
            entry = self._entries.pop(message_id, None)
            if entry and entry.slot is not None:
                self._left.add(message_id)
                self._kept[message_id] = entry.slot

    def forget(self, message_id: str) -> None:
        """Note that the end of an abandoned attempt is recorded."""
        with self._lock:
            self._forget(message_id)

    def close(self) -> None:
        """Let go of the file; its marks stay for the next process."""
        self._map.close()
        self._file.close()

    def _forget(self, message_id: str) -> None:
        self._left.discard(message_id)
        slot = self._kept.pop(message_id, None)
        if slot is not None:
            self._clear(slot)

    def _clear(self, slot: int) -> None:
        self._mark(slot, b"")
        self._free.append(slot)

    def _begin(self) -> None:
        if not self._begun:
            self._begun, self._rebooted = True, False
            self._left.clear()
            self._map[:] = _boot_id().ljust(len(self._map), b"\0")

    def _current(self, message_id: str, fence: int) -> _Entry | None:
        entry = self._entries.get(message_id)
        return None if entry is None or entry.revoked or entry.fence != fence else entry

    def _mark(self, slot: int, mark: bytes) -> None:
        start = _HEADER + slot * _SLOT
        self._map[start : start + _SLOT] = mark.ljust(_SLOT, b"\0")

    def _read_marks(self) -> set[str]:
        slots = (self._map[at : at + _SLOT].rstrip(b"\0") for at in range(_HEADER, len(self._map), _SLOT))
        return {mark.decode() for mark in slots if mark}


def _boot_id() -> bytes:
    try:
        return _BOOT_ID.read_bytes().strip()
    except OSError:  # not Linux: every restart counts as a power cut
        return b""
