"""Text as pages show it: words in the reader's language, instants, lengths, shares, and what strangers wrote.

Whatever a page prints goes through `visible`; the words of servers go through `peer` as well, since they may repeat an
address or, for all we know, a code.
"""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mailsvc.telemetry.logs import mask
from mailsvc.templates.layout import JST

LANGUAGES = ("ja", "en")
_FOLDER = Path(__file__).with_name("words")
#: C0 and C1 controls but for line breaks, and what turns or hides text: bidirectional marks, zero widths, tags.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)

#: How lengths are written: below so many seconds, in such a unit, with so many decimals.
_LENGTHS = (
    (0.1, 0.001, "ms", 0),
    (1.0, 1.0, "s", 2),
    (10.0, 1.0, "s", 1),
    (120.0, 1.0, "s", 0),
    (7200.0, 60.0, "min", 0),
    (math.inf, 3600.0, "h", 1),
)


@cache
def words(language: str) -> Mapping[str, str]:
    """Return every text of a language by its dotted name."""
    return dict(_flat(tomllib.loads((_FOLDER / f"{language}.toml").read_text("utf-8"))))


def visible(value: Any) -> Any:
    """Return text without characters that cannot be seen; anything else as it is."""
    return _UNSEEN.sub("�", value) if isinstance(value, str) and not isinstance(value, Markup) else value


def peer(text: str | None) -> str:
    """Return the words of a server, addresses and six-digit numbers in them masked."""
    return "" if text is None else str(mask(None, "", {"text": text})["text"])


def instant(at: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Write an instant as Japan's clock shows it."""
    return datetime.fromtimestamp(at, JST).strftime(form)


def number(value: int) -> str:
    """Write a count."""
    return f"{value:,}"


def seconds(value: float | None, language: str) -> str:
    """Write a length of time, as exact as it matters, in the units of a language."""
    if value is None:
        return "–"
    if math.isinf(value):
        return f">\xa0300\xa0{words(language)['unit.s']}"
    for below, unit, name, digits in _LENGTHS:
        if value < below:
            return f"{value / unit:.{digits}f}\xa0{words(language)[f'unit.{name}']}"
    raise AssertionError(value)


def share(value: float | None) -> str:
    """Write a share in per cent, rounded down: 100 % is all of them."""
    return "–" if value is None else f"{math.floor(value * 1000) / 10:.1f}\xa0%".replace("100.0", "100")


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, str):
            yield prefix + name, value
        else:
            yield from _flat(value, f"{prefix}{name}.")
