"""What may stand in a value and in a rendered mail.

Decides about text only and answers with the problem in words, None where there is none. Never repairs and never
repeats the text, because it may be a caller's or hold a code. Looks through compatibility forms (NFKC), so that
full-width or circled digits and letters are what they look like. A caller's value may hold any visible character;
what the company writes itself (brand, templates) stays inside JIS X 0208, which every Japanese mail program can show.
"""

import re
import unicodedata

#: Control, format (zero width, bidi marks), surrogate, private, unassigned; line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
#: The last alternative is a bare host name, of which mail programs make a link by themselves.
_URL = re.compile(r"http|www\.|://|href|src|[^\W_]\.[a-z]{2}")
_REFUSED = (
    (_URL, "looks like a URL"),
    (re.compile("@"), "has an @"),
    (re.compile(r"\d{6}"), "has six digits in a row"),
    (re.compile(r"=\?"), "has =?, which begins an encoded word"),
)
#: What makes a link in a mail program; looked for in every mail, the whole of ``_URL`` once at start.
_LINKS = (b"://", b"www.", b"@")
#: Folds ASCII to lower case and every digit to 0, in one pass.
_FOLDED = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ123456789", b"abcdefghijklmnopqrstuvwxyz000000000")
_TWINS = {"～": "〜", "－": "−", "∥": "‖", "￠": "¢", "￡": "£", "￢": "¬"}  # of Windows input, to JIS X 0208


def value_problem(value: str, longest: int) -> str | None:
    """Say what keeps a value of at most ``longest`` characters out of a mail."""
    if not value.strip():
        return "is empty"
    if len(value) > longest:
        return f"is longer than {longest} characters"
    if any(unicodedata.category(char) in _UNSEEN for char in value):
        return "has a control character or an invisible character"
    plain = unicodedata.normalize("NFKC", value).lower()
    return next((problem for pattern, problem in _REFUSED if pattern.search(plain)), None)


def jis_problem(text: str) -> str | None:
    """Name the first character outside ASCII and JIS X 0208, with the one to write instead where there is one."""
    try:
        text.encode("iso2022_jp")
    except UnicodeEncodeError as error:
        char = text[error.start]
        hint = f"; write {_TWINS[char]}" if char in _TWINS else ""
        return f"has {char} (U+{ord(char):04X}), which is not in JIS X 0208{hint}"
    return None


def part_problem(part: bytes, code: str | None) -> str | None:
    """Say what is wrong with a rendered part (UTF-8), cheaply: asked of every mail."""
    folded = part.translate(_FOLDED)
    if code is None and b"000000" in folded:
        return "has six digits in a row"
    if code and (folded.count(b"000000") != 1 or b"0000000" in folded or code.encode() not in part):
        return "must have the code once and no other six digits"
    for link in _LINKS:
        if link in folded:
            return "has a URL or an @"
    return None


def wording_problem(part: str, code: str | None) -> str | None:
    """Say what is wrong with a rendered part, thoroughly: asked of every template at start."""
    plain = unicodedata.normalize("NFKC", part).lower()
    if _URL.search(plain):
        return "has something that looks like a URL"
    return part_problem(plain.encode(), code)
