"""Where settings are stated: variables of the environment and one TOML file, the environment winning.

Decides names and TOML types; the values are still text. An unknown name is refused with the nearest known one.
"""

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mailsvc.settings.kind import quoted
from mailsvc.settings.table import Definition, Settings

PREFIX = "MAILSVC_"
#: The one variable that is no setting: the path of the TOML file.
CONFIG = f"{PREFIX}CONFIG"

DEFINITIONS: dict[str, Definition] = {each.name: each.metadata["definition"] for each in fields(Settings)}

_TOML_WORDS = {str: "a text", bool: "true or false", int: "a number", list: "a list"}


class SettingsError(ValueError):
    """The settings cannot be used; one line that names the variable, what was found and what is expected."""

    def __init__(self, variable: str, found: str, expected: str) -> None:
        super().__init__(f"{variable}: found {found}, expected {expected}")


@dataclass(frozen=True, slots=True)
class Stated:
    """One setting as the operator wrote it."""

    text: str
    place: str = ""  #: " in <file>" for the TOML file


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def read_sources(environ: Mapping[str, str]) -> dict[str, Stated]:
    """Return what is stated, by setting; raise `SettingsError` for an unknown name or an unreadable file."""
    stated = _from_file(environ[CONFIG]) if environ.get(CONFIG) else {}
    for name, text in sorted(environ.items()):
        if name.startswith(PREFIX) and name != CONFIG:
            setting = name.removeprefix(PREFIX).lower()
            if variable(setting) != name or setting not in DEFINITIONS:
                raise _unknown(name, place="")
            stated[setting] = Stated(text)
    return {name: each for name, each in stated.items() if each.text or DEFINITIONS[name].default is not None}


def _from_file(path: str) -> dict[str, Stated]:
    expected = "the path of a TOML file with settings"
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(CONFIG, f"{quoted(path)} ({error.strerror})", expected) from error
    except UnicodeDecodeError as error:
        raise SettingsError(CONFIG, f"{quoted(path)} (not UTF-8)", expected) from error
    except tomllib.TOMLDecodeError as error:
        # The parser's words may quote a character of the file, its place never does.
        place = str(error).rpartition("(")[2].rstrip(")")
        raise SettingsError(CONFIG, f"{quoted(path)} (no TOML {place})", expected) from error
    place = f" in {path}"
    return {name: Stated(_toml_text(name, value, place), place) for name, value in table.items()}


def _toml_text(name: str, value: Any, place: str) -> str:
    if name not in DEFINITIONS:
        raise _unknown(variable(name), place)
    taken = DEFINITIONS[name].kind.toml
    if type(value) not in (str, taken):
        words = _TOML_WORDS.get(type(value), f"a {type(value).__name__}")
        raise SettingsError(variable(name), f"{words}{place}", _TOML_WORDS[taken])
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _unknown(name: str, place: str) -> SettingsError:
    nearest = difflib.get_close_matches(name.upper(), map(variable, DEFINITIONS), n=1, cutoff=0)[0]
    return SettingsError(
        quoted(name).strip("'\""), f"a name that is not known{place}", f"{nearest}, the nearest known one"
    )
