"""Canary codes: login codes that are looked for afterwards, in every form in which a leak could keep them.

Six digits turn up by chance. The search is sound because of what is taken away and what is not chosen: timestamps,
decimal fractions and digests (16 hexadecimal digits or more in a row) are cut out before plain digits are looked for,
and every canary has a 0, 1 or 8, which neither a tag (a-z, 2-7) nor a reference (3, 4, 6, 7, 9) can have. What is left
to chance are six given characters in a row of a base64 key, or 48 given bits of random octets: with 1,000 canaries
less than once in 10,000 runs.
"""

import base64
import random
import re
from collections.abc import Iterator

#: RFC 3339 date-times; numbers with a fraction; digests and keys in hexadecimal. Letters and digits around keep them.
_TIME = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?"
_FRACTION = rb"(?<![\w.])\d+\.\d+(?:e[+-]?\d+)?(?![\w.])"
_DIGEST = rb"(?<![0-9A-Za-z])[0-9a-f]{16,}(?![0-9A-Za-z])"
_CHANCE = re.compile(b"|".join((_TIME, _FRACTION, _DIGEST)))
_SIX_DIGITS = re.compile(rb"(?=([0-9]{6}))")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_HEX = re.compile(rb"[0-9A-Fa-f]{12,}")
_ESCAPED = re.compile(rb"(?:[=%]|\\x|\\u00)([0-9A-Fa-f]{2})")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_SOFT_BREAK = re.compile(rb"=?\r?\n")
_UTF16 = re.compile(rb"(?=((?:[0-9]\x00){5}[0-9]))")


def canaries(count: int, rng: random.Random) -> list[str]:
    """Return different codes that no tag and no reference can have."""
    numbers = (f"{number:06}" for number in rng.sample(range(10**6), k=min(10**6, count * 3)))
    return [code for code in numbers if set(code) & set("018")][:count]


def found_in(content: bytes, codes: frozenset[str]) -> frozenset[str]:
    """Return which codes stand in some octets: plain, base64 at any offset, quoted-printable, hexadecimal, UTF-16."""
    digits = {match[1] for text in _readings(content) for match in _SIX_DIGITS.finditer(_CHANCE.sub(b" ", text))}
    digits |= {match[1].replace(b"\0", b"") for match in _UTF16.finditer(content)}
    return codes & {six.decode() for six in digits}


def _readings(content: bytes) -> Iterator[bytes]:
    """Yield the octets as they are and as everything they could be an encoding of."""
    yield content
    joined = _SOFT_BREAK.sub(b"", content)
    for text in {content, joined}:
        yield _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), text)
        for run in _HEX.findall(text):
            yield from (_unhex(run[offset:]) for offset in range(2))
        for run in _BASE64.findall(text):
            yield from (_unbase64(run[offset:]) for offset in range(4))


def _unhex(run: bytes) -> bytes:
    return bytes.fromhex(run[: len(run) // 2 * 2].decode())


def _unbase64(run: bytes) -> bytes:
    whole = run[: len(run) // 4 * 4]
    # What is cut off at the end is up to three characters: they are padded to a group of their own.
    rest = run[len(whole) :] if len(run) % 4 > 1 else b""
    return base64.b64decode((whole + rest).translate(_URL_SAFE) + b"=" * (-len(rest) % 4))
