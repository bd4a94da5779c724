"""What the settings need of this machine, looked at when a command begins to use it.

Makes the folders that are named; everything else it only looks at. What this machine cannot give is a `SettingsError`.
"""

import os
import socket
from pathlib import Path

from mailsvc.settings.source import SettingsError, variable
from mailsvc.settings.table import Settings

_SQLITE = "sqlite:///"


def make_folder(name: str, folder: Path) -> None:
    """Have the folder (0700 where it is new) that the setting ``name`` names."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        found = f"{str(folder)!r} ({error.strerror})"
        raise SettingsError(variable(name), found, "a folder that exists or can be made") from None


def prepare_store(settings: Settings) -> None:
    """Have the data folder, and see that the one of the database file can be written."""
    make_folder("data_dir", settings.data_dir)
    if settings.database_url.startswith(_SQLITE):
        folder = Path(settings.database_url.removeprefix(_SQLITE)).parent
        if not os.access(folder, os.W_OK | os.X_OK):
            found = f"a file in {str(folder)!r}, which is no folder that can be written"
            raise SettingsError(variable("database_url"), found, "a file in a folder that exists and can be written")


def check_sources(settings: Settings) -> None:
    """See that this machine has every address that mails are to be sent from."""
    for address in settings.source_addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.bind((address, 0))
        except OSError as error:
            found = f"{address} ({error.strerror})"
            raise SettingsError(variable("source_addresses"), found, "IP addresses that this machine has") from None
