"""Identifiers: what a message, event or key is called, the reference a customer reads, the tag of a return path.

Randomness is the operating system's (``secrets``); nothing else is read.
"""

import base64
import re
import secrets

#: Letters only, four bits each: an id stands in the Message-ID, and the mail has one six-digit number, its code.
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_DIGITS = {letter: digit for digit, letter in _LETTERS.items()}
_RANDOM_BITS = 64
#: CONTRACT 4: no characters that are mistaken for each other.
REFERENCE_ALPHABET = "ACDEFGHJKMNPQRTUVWXY34679"
_REFERENCE_LENGTH = 4
_TAG_BYTES = 15  # 120 bits; the contract asks for 80
#: The local part of our envelope sender (CONTRACT 4): ``b+<tag>``.
TAG_PREFIX = "b+"
_TAG = re.compile(r"[a-z2-7]{24}")


def new_id(prefix: str, at: float) -> str:
    """Return ``prefix_`` and 28 letters: 48 bits of milliseconds, 64 random bits; later ids sort later."""
    return _id(prefix, at, secrets.randbits(_RANDOM_BITS))


def earliest_id(prefix: str, at: float) -> str:
    """Return the id that no id made at that instant or later is before."""
    return _id(prefix, at, 0)


def instant_of(id_: str) -> float:
    """Return when an id was made, to the millisecond."""
    return (int(id_.rpartition("_")[2].translate(_DIGITS), 16) >> _RANDOM_BITS) / 1000


def _id(prefix: str, at: float, random: int) -> str:
    number = (max(0, int(at * 1000)) & (1 << 48) - 1) << _RANDOM_BITS | random
    return f"{prefix}_" + f"{number:028x}".translate(_LETTERS)


def new_reference(taken: frozenset[str] = frozenset()) -> str:
    """Return a 受付番号 of four characters with at least one letter that is not among ``taken``."""
    while True:
        reference = "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(_REFERENCE_LENGTH))
        if reference not in taken and not reference.isdigit():
            return reference


def new_tag() -> str:
    """Return the random tag of a recipient's envelope sender: 24 characters of lower-case base32 (RFC 4648 6)."""
    return base64.b32encode(secrets.token_bytes(_TAG_BYTES)).decode("ascii").lower()


def return_path(tag: str, bounce_domain: str) -> str:
    """Return the envelope sender for a recipient's tag."""
    return f"{TAG_PREFIX}{tag}@{bounce_domain}"


def tag_of(reverse_path: str, bounce_domain: str) -> str | None:
    """Return the tag of an envelope sender of ours, whatever its case; None for any other address."""
    if not reverse_path.isascii():  # the lower case of a Kelvin sign is a k
        return None
    local, _, domain = reverse_path.lower().rpartition("@")
    tag = local.removeprefix(TAG_PREFIX)
    ours = domain == bounce_domain.lower() and local.startswith(TAG_PREFIX) and _TAG.fullmatch(tag)
    return tag if ours else None
