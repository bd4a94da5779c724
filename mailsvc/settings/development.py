"""Secrets that a development service makes for itself, so that ``mailsvc run`` works with nothing set.

They lie in the data folder (0700) in files of mode 0600. A file appears complete or not at all; of two processes
that start at once, one writes and both read the same. Production never comes here. A folder that cannot be
made, or a damaged file, is a `SettingsError`; a file that cannot be made or read raises ``OSError``.
"""

import base64
import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mailsvc.domain.secret import Secret
from mailsvc.settings.kind import quoted
from mailsvc.settings.machine import make_folder
from mailsvc.settings.source import SettingsError, variable
from mailsvc.settings.table import Settings
from mailsvc.settings.text import KEY_OCTETS, KEYS, TOKEN, Mode

#: File names in the data folder.
SECRET_KEY_FILE = "secret-key"  # noqa: S105  a file name
API_KEY_FILE = "api-key"


@dataclass(frozen=True, slots=True)
class DevelopmentSecrets:
    """What is generated."""

    secret_keys: tuple[bytes, ...]  #: one key of 32 octets
    api_key: Secret  #: ``mk_`` and 43 characters, 256 random bits


def with_development_secrets(settings: Settings) -> Settings:
    """Return the settings with generated secrets where development left them out."""
    if settings.mode is not Mode.DEVELOPMENT or (settings.secret_keys and settings.api_key):
        return settings
    made = development_secrets(settings.data_dir)
    return replace(
        settings,
        secret_keys=settings.secret_keys or made.secret_keys,
        api_key=settings.api_key or made.api_key,
    )


def development_secrets(data_dir: Path) -> DevelopmentSecrets:
    """Read the secrets of this data folder; make folder and secrets at the first call."""
    make_folder("data_dir", data_dir)
    key = _read_or_make(data_dir / SECRET_KEY_FILE, _new_key)
    token = _read_or_make(data_dir / API_KEY_FILE, new_api_key)
    try:
        return DevelopmentSecrets(KEYS.parse(key), TOKEN.parse(token))
    except ValueError:
        found = f"a damaged {SECRET_KEY_FILE} or {API_KEY_FILE} in {quoted(str(data_dir))}"
        raise SettingsError(variable("data_dir"), found, "the files as they were generated") from None


def new_api_key() -> str:
    """Make an API key: ``mk_`` and 43 URL-safe characters, 256 random bits."""
    return f"mk_{secrets.token_urlsafe(32)}"


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_OCTETS)).decode()


def _read_or_make(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", encoding="ascii") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was first: its file counts
                os.link(file.name, path)
    return path.read_text(encoding="ascii").strip()
