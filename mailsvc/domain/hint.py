"""How long a server asks to wait, read from the words of its reply ("try again in 60 seconds").

There is no standard for it; these are the forms of the common greylisters and of mailbox providers.
"""

import re

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_IN_WORDS = re.compile(
    r"\b(?:in|after|for|within|wait|least)\s+(?:at\s+least\s+|about\s+)?(\d{1,5})\s*"
    r"(s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b",
    re.IGNORECASE,
)
_AS_CLOCK = re.compile(r"\b(?:in|after|for)\s+(\d{1,2}):(\d\d):(\d\d)\b", re.IGNORECASE)


def retry_hint(text: str) -> float | None:
    """Return the seconds that a reply asks to wait, None where it names none."""
    if match := _AS_CLOCK.search(text):
        hours, minutes, seconds = (float(part) for part in match.groups())
        return hours * 3600 + minutes * 60 + seconds
    if match := _IN_WORDS.search(text):
        return float(match[1]) * _UNITS[match[2][0].lower()]
    return None
