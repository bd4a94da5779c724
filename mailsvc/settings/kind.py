"""What one setting may hold: how its text is read, how its value and a wrong text are shown.

Every kind reads the text of an environment variable and raises ``ValueError`` where it is wrong. Only `WrongValueError`
carries words for the operator: a library's message could repeat a secret.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import SplitResult, urlsplit

T = TypeVar("T")

#: A wrong value is shown up to this many characters.
SHOWN_MAX = 80

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class WrongValueError(ValueError):
    """A wrong value; the message says in a few words what is wrong and never repeats a secret."""


def quoted(text: str) -> str:
    """Show a text on one line."""
    return repr(text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """The reading and showing of one sort of value."""

    expected: str  #: what a right value is, for error messages
    parse: Callable[[str], T]  #: text to value, or ``ValueError``
    show: Callable[[T], str] = str  #: value to one line of text without secrets
    found: Callable[[str], str] = quoted  #: how a wrong text is shown
    toml: type = str  #: the native TOML type that is taken beside text
    secret: bool = False  #: holds a secret or a password: kept out of ``repr``


def concealed(text: str) -> str:
    """Say of a secret only that it is set, and its length."""
    return f"set, {len(text)} characters"


def plain(text: str) -> str:
    """Return the text; raise `WrongValueError` where it is empty or has a control character."""
    if not text or _CONTROL.search(text):
        raise WrongValueError("is empty or has a control character")
    return text


def split_url(text: str) -> SplitResult:
    """Split a URL with a host; raise ``ValueError`` where there is none or the port is no number up to 65535."""
    url = urlsplit(plain(text))
    if not re.match(r"[a-z]+://", text) or not url.hostname or " " in text:
        raise WrongValueError("is no URL with a host")
    _ = url.port
    return url


def without_user(text: str) -> str:
    """Show scheme, host, port and path of a URL, without user part and query; conceal what is no clear URL."""
    if not re.search(r"[:/@]", text):
        return text
    try:
        url = split_url(text)
    except ValueError:
        return concealed(text)
    _, _, after_host = text.partition(url.netloc)
    if "@" in after_host:
        return concealed(text)
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


def comma_list(parse: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    """Make the parser of a comma list out of the parser of one item; empty text is an empty list."""

    def parse_list(text: str) -> tuple[T, ...]:
        return tuple(parse(item.strip()) for item in text.split(",")) if text.strip() else ()

    return parse_list


def listed(items: tuple[Any, ...]) -> str:
    """Show a comma list."""
    return ",".join(map(str, items))
