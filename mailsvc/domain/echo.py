"""Servers that repeat the mail they refuse: whether a text gives a login code away, in whatever coding.

Pure. Answers may be wrong on the safe side only: words that merely look like a code are taken for one.
"""

import base64
import re
import unicodedata

_QUOTED = re.compile(r"=([0-9A-Fa-f]{2})")  # RFC 2045 6.7
#: What may stand between two digits of a code that somebody spaced out.
_GAP = r"[^0-9A-Za-z]{0,3}"
_DIGITS = re.compile(rb"(?<![0-9])[0-9]{6}(?![0-9])")
_MASK = "******"
#: What may be a code where nobody knows it any more: six digits of any script, quoted-printable or hexadecimal too.
_CODE = re.compile(r"(?<!\d)\d{6}(?!\d)|(?:=3[0-9]){6}|(?:3[0-9]){6}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")  # six digits fill eight characters


def without_codes(text: str) -> str:
    """Return a text with a mask over all that looks like a code, whichever it is."""
    return _CODE.sub(_MASK, _BASE64.sub(_masked_base64, text))


def _masked_base64(match: re.Match[str]) -> str:
    run = match[0].rstrip("=")
    # A line of a mail may begin anywhere inside the run.
    for start in range(4):
        whole = run[start : start + (len(run) - start) // 4 * 4]
        if _DIGITS.search(base64.b64decode(whole)):
            return _MASK
    return match[0]


def gives_away(text: str, code: str) -> bool:
    """Whether a text holds a code: plain, spaced, full-width, hexadecimal, quoted-printable or base64."""
    plain = unicodedata.normalize("NFKC", text)
    unquoted = _QUOTED.sub(lambda match: chr(int(match[1], 16)), plain)
    spaced = re.compile(_GAP.join(code))
    if spaced.search(plain) or spaced.search(unquoted):
        return True
    return code.encode().hex() in plain.lower() or any(piece in text for piece in _in_base64(code))


def _in_base64(code: str) -> list[str]:
    """Return what a code looks like inside a base64 text, at each of the three places it can begin."""
    pieces = []
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + code.encode()).decode().rstrip("=")
        whole = (before + len(code)) * 8 // 6  # characters that depend on nothing behind the code
        pieces.append(encoded[-(-before * 8 // 6) : whole])
    return pieces
