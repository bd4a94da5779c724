"""The ring of DKIM keys: a folder of PEM files, and one file that says which of them sign.

``<selector>.pem`` is a key; ``states.json`` maps selectors to ``active`` or ``retired``; a key it does not name is
``pending``. A change of state is one atomic rename under the folder's lock, so at no moment do two keys of one
algorithm sign, or none. Never deletes a key. A file that is damaged, or a key that others can read, is refused
with a ``DkimKeyError`` naming the file; a retired key never stops the active ones.
"""

import fcntl
import json
import os
import re
import string
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mailsvc.signing.key import (
    RSA_BITS,
    Algorithm,
    DkimKeyError,
    KeyInfo,
    PrivateKey,
    SigningKey,
    State,
    UnknownSelectorError,
    describe,
    load,
)

#: Looks up the TXT records at a name in public DNS, each joined to one string.
Published = Callable[[str], Sequence[str]]

_STATES = "states.json"
_SELECTOR = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # one label, RFC 6376 3.1
_LIKE_A_CODE = re.compile(r"[0-9]{6}")  # the selector stands in the mail, where only the code may look like one
_INITIAL: dict[Algorithm, str] = {"rsa-sha256": "s", "ed25519-sha256": "e"}


class KeyRing:
    """The signing keys of one domain."""

    def __init__(self, folder: Path, domain: str) -> None:
        """Name the ``folder`` (made when the first key is) and the signing ``domain`` (``d=``, A-labels)."""
        if not domain.isascii():
            raise DkimKeyError(f"the signing domain {domain} must be written in ASCII (xn--…)")
        self.folder = folder
        self.domain = domain.lower()

    def list(self) -> tuple[KeyInfo, ...]:
        """Return every key, by selector; raise `DkimKeyError` when a file cannot be used."""
        states = self._states()
        return tuple(self._load(selector, states).info for selector in self._selectors())

    def active(self) -> tuple[SigningKey, ...]:
        """Return the keys that sign, RSA first; raise `DkimKeyError` when one of their files cannot be used."""
        states = self._states()
        keys = [self._load(selector, states) for selector, state in states.items() if state == "active"]
        return tuple(sorted(keys, key=lambda key: key.info.algorithm, reverse=True))

    def new(self, algorithm: Algorithm, now: float) -> KeyInfo:
        """Make a pending key under the month's next free selector, such as ``s2611a`` (``e2611a``: Ed25519)."""
        private = generate_private_key(65537, RSA_BITS) if algorithm == "rsa-sha256" else Ed25519PrivateKey.generate()
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with self._locked():
            selector = self._free_selector(_INITIAL[algorithm], now)
            self._write(f"{selector}.pem", pem)
        return describe(private, selector=selector, domain=self.domain, state="pending")

    def activate(self, selector: str, *, published: Published | None) -> KeyInfo:
        """Let a key sign, and retire the one of the same algorithm that did.

        ``published`` returns the TXT records public DNS shows at a name; the key is refused with `DkimKeyError`
        unless they show exactly it. None skips that question (development). The DNS record of the retired key
        must stay for ``key.RECORD_KEPT`` (a week): mail on its way is verified with it.
        """
        info = self.info(selector)
        if _LIKE_A_CODE.search(selector):
            raise DkimKeyError(f"{selector} stays {info.state}: rename its file, six digits in a row look like a code")
        if published is not None and (fault := info.fault(published(info.name))):
            raise DkimKeyError(f"{selector} stays {info.state}: {fault}; `mailsvc dkim list` shows what to publish")
        with self._changing_states() as states:
            for former in self._rivals(info, states):
                states[former] = "retired"
            states[selector] = "active"
        return self.info(selector)

    def retire(self, selector: str) -> None:
        """Let a key sign no more, also one whose file is lost or damaged.

        Its DNS record must stay for ``key.RECORD_KEPT`` (a week). Raise `UnknownSelectorError` like `info`.
        """
        self._check_known(selector, (*self._selectors(), *self._states()))
        with self._changing_states() as states:
            states[selector] = "retired"

    def info(self, selector: str) -> KeyInfo:
        """Return one key; raise `UnknownSelectorError` when the folder has none of this selector."""
        self._check_known(selector, self._selectors())
        return self._load(selector, self._states()).info

    def _check_known(self, selector: str, known: Sequence[str]) -> None:
        if selector not in known:
            raise UnknownSelectorError(f"{self.folder} has no key {selector}; `mailsvc dkim list` shows the keys")

    def _rivals(self, info: KeyInfo, states: dict[str, State]) -> tuple[str, ...]:
        active = (selector for selector, state in states.items() if state == "active")
        return tuple(s for s in active if self._load(s, states).info.algorithm == info.algorithm)

    def _selectors(self) -> tuple[str, ...]:
        return tuple(sorted(p.stem for p in self.folder.glob("*.pem") if _SELECTOR.fullmatch(p.stem)))

    def _free_selector(self, initial: str, now: float) -> str:
        month = f"{initial}{datetime.fromtimestamp(now, UTC):%y%m}"
        used = {*self._selectors(), *self._states()}  # a retired key's selector stays used when its file is gone
        last = max((selector[-1] for selector in used if selector[:-1] == month), default="")
        letter = next((letter for letter in string.ascii_lowercase if letter > last), None)
        if letter is None:
            raise DkimKeyError(f"{self.folder} has a key {month}z already; make the next one next month")
        return month + letter

    def _load(self, selector: str, states: dict[str, State]) -> SigningKey:
        private = _read_key(self.folder / f"{selector}.pem")
        state = states.get(selector, "pending")
        return SigningKey(describe(private, selector=selector, domain=self.domain, state=state), private)

    def _states(self) -> dict[str, State]:
        path = self.folder / _STATES
        try:
            states = json.loads(path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise DkimKeyError(f"{path} cannot be read: {error.strerror}") from error
        except ValueError:
            states = None
        if not isinstance(states, dict) or not all(state in get_args(State) for state in states.values()):
            raise DkimKeyError(f'{path} is damaged; expected {{"<selector>": "active" or "retired", …}}')
        return cast("dict[str, State]", states)

    @contextmanager
    def _changing_states(self) -> Iterator[dict[str, State]]:
        with self._locked():
            states = self._states()
            yield states
            self._write(_STATES, json.dumps(states, indent=2).encode() + b"\n")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder, made at need, against other processes; report what the file system refuses."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                yield
                os.fsync(folder)  # the renames
            finally:
                os.close(folder)
        except OSError as error:
            raise DkimKeyError(f"{self.folder} cannot be written: {error.strerror}") from error

    def _write(self, name: str, content: bytes) -> None:
        """Put a file of mode 0600 in place: whole, synced, or not at all."""
        handle, temporary = tempfile.mkstemp(dir=self.folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).rename(self.folder / name)
        finally:
            Path(temporary).unlink(missing_ok=True)


def _read_key(path: Path) -> PrivateKey:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            pem = file.read()
    except OSError as error:
        raise DkimKeyError(f"{path} cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise DkimKeyError(f"{path} is open to others (mode {mode:04o}); run: chmod 600 {path}")
    return load(pem, str(path))
