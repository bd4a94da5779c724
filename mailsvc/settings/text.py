"""Settings that are words, lengths of time, flags, keys, files and addresses."""

import base64
import re
import unicodedata
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from mailsvc.domain.address import Address, AddressError
from mailsvc.domain.address import parse as parse_address
from mailsvc.domain.secret import Secret
from mailsvc.settings.kind import Kind, WrongValueError, comma_list, concealed, listed, plain

#: Octets of a key of AES-256.
KEY_OCTETS = 32
#: Seconds in the units of a length of time.
UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}

#: Up to so long (seconds) people count hours.
_HOURS_MAX = 48 * 3600

_URL = re.compile(r"://|\bwww\.|[a-z0-9-]\.(?:jp|com|net|org)\b", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 2.1


class Mode(StrEnum):
    """What the service is run for."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class LogLevel(StrEnum):
    """The least severe log line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Rate(NamedTuple):
    """At most so many in so long."""

    limit: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.limit}/{show_duration(self.seconds)}"


def parse_duration(text: str) -> float:
    """Read ``90d``, ``24h``, ``10m`` or ``30s`` as seconds."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", text)
    if not match:
        raise WrongValueError("is no length of time")
    return float(int(match[1]) * UNITS[match[2]])


def show_duration(seconds: float) -> str:
    """Show a length of time in the largest unit that fits it exactly, up to 48 hours in hours."""
    fitting = (unit for unit, length in UNITS.items() if seconds % length == 0)
    unit = next(unit for unit in fitting if unit != "d" or seconds > _HOURS_MAX)
    return f"{seconds / UNITS[unit]:.0f}{unit}"


def _rate(text: str) -> Rate:
    count, _, period = text.partition("/")
    if not re.fullmatch(r"[1-9][0-9]{0,5}", count):
        raise WrongValueError("is no count and period")
    return Rate(int(count), parse_duration(period))


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise WrongValueError("is neither")
    return text == "true"


def _mail_address(text: str) -> Address:
    try:
        return parse_address(text)
    except AddressError as error:
        raise WrongValueError(str(error)) from error


def _brand(text: str) -> str:
    """Read a text that is printed in mails, where it must not look like a link, an address or a code."""
    folded = unicodedata.normalize("NFKC", plain(text))
    if _URL.search(folded) or "@" in folded or re.search(r"[0-9]{6}", folded):
        raise WrongValueError("has a URL, an @ or six digits in a row")
    return text


def _token(text: str) -> Secret:
    if not _TOKEN.fullmatch(text):
        raise WrongValueError("has a character that cannot stand in a Bearer token")
    return Secret(text)


def _key(text: str) -> bytes:
    standard = text.replace("-", "+").replace("_", "/").rstrip("=")
    key = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    if len(key) != KEY_OCTETS:
        raise WrongValueError("has a key of another length")
    return key


def _folder(text: str) -> Path:
    if not (path := Path(plain(text))).is_dir():
        raise WrongValueError("is no folder")
    return path


def _new_folder(text: str) -> Path:
    path = Path(plain(text))
    try:
        other = path.exists() and not path.is_dir()
    except OSError as error:
        raise WrongValueError(f"cannot be used: {error.strerror}") from error
    if other:
        raise WrongValueError("is no folder")
    return path


def _file(text: str) -> Path:
    if not (path := Path(plain(text))).is_file():
        raise WrongValueError("is no file")
    return path


def _show_keys(keys: tuple[bytes, ...]) -> str:
    return f"set, {len(keys)} of {KEY_OCTETS} octets" if keys else ""


MODE = Kind("development or production", Mode)
LOG_LEVEL = Kind("debug, info, warning or error", LogLevel)
FLAG = Kind("true or false", _flag, show=lambda flag: str(flag).lower(), toml=bool)
NEW_FOLDER = Kind("a folder that exists or can be made", _new_folder)
FOLDER = Kind("an existing folder", _folder)
FILE = Kind("an existing file", _file)
BRAND = Kind("a text without URL, @ or six digits in a row", _brand)
ADDRESS = Kind("an address such as no-reply@mail.example.jp", _mail_address, show=lambda address: address.wire)
ADDRESSES = Kind(
    "a comma list of addresses",
    comma_list(_mail_address),
    show=lambda addresses: listed(tuple(address.wire for address in addresses)),
    toml=list,
)
DURATION = Kind("a length of time such as 90d, 24h, 10m or 30s", parse_duration, show=show_duration)
RATES = Kind("count/period such as 3/30s,8/10m, or nothing for off", comma_list(_rate), show=listed, toml=list)
TOKEN = Kind(
    "a key of letters, digits and ._~+/-",
    _token,
    show=lambda token: concealed(token.reveal()),
    found=concealed,
    secret=True,
)
KEYS = Kind(
    "a comma list of base64 keys of 32 octets",
    comma_list(_key),
    show=_show_keys,
    found=concealed,
    toml=list,
    secret=True,
)
