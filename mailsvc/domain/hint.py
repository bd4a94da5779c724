"""How long a server asks to wait, read from the words of its reply ("try again in 60 seconds").

There is no standard for it. A length of time counts only where words that ask for a wait lead up to it with none but
small words between: most lengths in replies are something else (a limit, a time that was over). Covered are the forms
of postgrey ("Greylisted for 300 seconds"), milter-greylist ("come back in 00:04:58"), sqlgrey, policyd, MIMEDefang,
MDaemon and of providers' own rules. Newer postgrey, rspamd, spamd, OpenSMTPD and the large providers name no length.
"""

import re

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
#: What asks for a wait, or says that one is on.
_CUE = r"""
    \b(?: re-?try | again | come\s+back | wait | re-?send | re-?connect | gr[ae]y[\s-]?list(?:ed|ing)?
    | (?: deferred | delayed | blocked | banned | blacklisted | throttled | limited | suspended | locked ) \s+ for )\b
"""
#: What may stand between that and the length. "Within" may not: it names the end of a window, not the wait.
_BETWEEN = r"""
    (?: [\s,:=(\[~-] | \b(?: a | about | after | again | another | approx | approximately | around | at | back | before
    | connect | connecting | delay | delivering | delivery | earlier | email | for | further | in | interval | is | it
    | later | least | less | mail | message | minimum | more | next | no | not | of | once | period | please | reached
    | remaining | sending | sooner | than | the | this | time | timeout | to | try | until | wait | your )\b )*+
"""
_PART = r"""
    \d{1,5}(?:\.\d{1,3})? \s* (?:more\s+)? (?: d(?:ays?)? | h(?:(?:ou)?rs?)? | m(?:in(?:ute)?s?)? | s(?:ec(?:ond)?s?)? )
    (?![a-z_])
"""
_FLAGS = re.IGNORECASE | re.ASCII | re.VERBOSE
_CLOCK_OR_PARTS = re.compile(
    rf"""
    {_CUE} {_BETWEEN} (?:
        (\d{{1,2}}) : (\d\d) : (\d\d)
      | ( {_PART} (?: (?: \s*,\s* | \s+and\s+ | \s* ) {_PART} )* )
    ) (?! [\w:] | [.-]\w )
    """,
    _FLAGS,
)
#: A number alone counts as seconds where it can be nothing else.
_BARE = re.compile(
    rf"""
    {_CUE} [\s-]* (?:delay|time)? (?: \s*=\s* | [\s-]* (?:after|in) [\s:=]+ )
    (\d{{1,5}}) (?= \s* (?: $ | \( | [).,;\]]+ (?:\s|$) ))
    """,
    _FLAGS,
)
_NUMBER_UNIT = re.compile(r"([\d.]+)\s*(?:more\s+)?([dhms])", re.IGNORECASE | re.ASCII)


def retry_hint(text: str) -> float | None:
    """Return the seconds that a reply asks to wait, None where it names none."""
    if match := _CLOCK_OR_PARTS.search(text):
        hours, minutes, seconds, parts = match.groups()
        if parts is None:
            return float(hours) * 3600 + float(minutes) * 60 + float(seconds)
        return sum(float(number) * _UNITS[unit.lower()] for number, unit in _NUMBER_UNIT.findall(parts))
    if match := _BARE.search(text):
        return float(match[1])
    return None
