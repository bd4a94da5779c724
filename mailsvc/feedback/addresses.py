"""Addresses in the words of strangers: found, made bare, told apart from those of machines."""

import re
from collections.abc import Iterator

#: An address as people and servers write it; carriers issued dots in odd places.
_ADDRESS = re.compile(
    r"(?<![\w.+-])(\"[^\"\s@<>]{1,64}\"|[\w!#$%&'*+/=?^`{|}~.-]{1,64})@((?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62})"
)
_MACHINE = re.compile(
    r"(?:mailer-?daemon|post[-_]?master|mail-?daemon|mdaemon|root|no-?reply|do-?not-?reply)\b", re.IGNORECASE
)


def bare(text: str) -> str | None:
    """Return an address without brackets and quotes in lower case, None where there is none.

    Any word with an @ counts, also one that could never be mailed: it names whom the report speaks of.
    """
    inside = re.search(r"<([^<>\s]{1,320})>", text)
    candidate = (inside[1] if inside else text).strip().strip("<>'\"():;,[] ").lower()
    candidate = candidate.removeprefix("mailto:").removeprefix("rfc822;").removeprefix("smtp:")
    candidate = candidate.split()[0] if candidate.split() else ""
    local, at, domain = candidate.rpartition("@")
    if not at or not local or not domain or len(candidate) > 320:  # noqa: PLR2004  RFC 5321 4.5.3.1
        return None
    return f"{local.strip(chr(34))}@{domain.rstrip('.')}"


def addresses(text: str) -> Iterator[str]:
    """Return the bare form of every address in a text."""
    for match in _ADDRESS.finditer(text):
        yield f"{match[1].strip(chr(34))}@{match[2]}".lower().strip("'")


def is_machine(address: str) -> bool:
    """Whether an address is that of a mail system."""
    return _MACHINE.match(address) is not None
