"""How things look: clock times, and lines of at most 28 full-width characters.

Pure. Instants are Unix seconds; the zone is Japan's, UTC+9 without summer time, whatever the machine's is.
"""

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from unicodedata import east_asian_width

JST = timezone(timedelta(hours=9), "JST")
#: Widest line, in columns of a half-width character.
COLUMNS = 56

#: What stays on one line: a word of ASCII or a single character, with its brackets and punctuation (kinsoku).
_UNIT = re.compile(r"[（「『【〔〈《]{0,3}(?:[!-~]{1,40}|.)[、。，．・：；？！）」』】〕〉》ーゃゅょっャュョッ々]{0,3}")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def clock(at: float, locale: str) -> str:
    """Write an instant as Japan's clock shows it, cut to the second: an expiry never looks later than it is."""
    return _clock(int(at), locale)


@lru_cache(maxsize=256)  # many mails are taken in within one second
def _clock(second: int, locale: str) -> str:
    time = datetime.fromtimestamp(second, JST)
    if locale == "ja":
        return f"{time.year}年{time.month}月{time.day}日 {time.hour}時{time.minute:02}分{time.second:02}秒"
    return f"{time.day} {_MONTHS[time.month - 1]} {time.year}, {time.hour}:{time.minute:02}:{time.second:02}"


def width(line: str) -> int:
    """Count the columns of a line; characters that are wide in Japanese fonts count two (UAX 11)."""
    return sum(2 if east_asian_width(char) in "WFA" else 1 for char in line)


def wrap(text: str) -> str:
    """Break lines wider than ``COLUMNS`` and end every line with CR LF (RFC 2045 6.8: text is encoded so)."""
    lines = [line if len(line) <= COLUMNS // 2 else _wrap_line(line) for line in text.split("\n")]
    return "\r\n".join(lines) + "\r\n"


@lru_cache(maxsize=512)  # the company's lines are the same in every mail; the code's own line is never this long
def _wrap_line(line: str) -> str:
    rows = [""]
    for unit in _UNIT.findall(line):
        if rows[-1] and width(rows[-1] + unit) > COLUMNS:
            rows[-1] = rows[-1].rstrip()
            rows.append(unit.lstrip())
        else:
            rows[-1] += unit
    return "\r\n".join(rows)
