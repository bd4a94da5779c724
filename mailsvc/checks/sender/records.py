"""TXT records and the tag lists in them, as DMARC, DKIM, MTA-STS, TLSRPT and BIMI share them (RFC 6376 3.2).

What a record says may be somebody else's: whatever is not printable ASCII is shown escaped.
"""

import re
from collections.abc import Sequence

import dns.rdata
from dns.rdtypes.ANY.TXT import TXT

from mailsvc.dns import NoSuchDomain
from mailsvc.dns.resolver import Ask

#: Characters of a record that evidence repeats.
SHOWN_MAX = 300

_NOT_PRINTABLE = re.compile(r"[^ -~]")


async def texts(ask: Ask, name: str) -> list[str]:
    """Return the TXT records at a name, each joined to one string; none where it does not exist.

    In the order of the alphabet: DNS keeps none, and what is shown shall not change from look to look. Raises
    `DnsTrouble`.
    """
    try:
        records = await ask(name, "TXT")
    except NoSuchDomain:
        return []
    return sorted(_joined(record) for record in records.values)


def _joined(record: str) -> str:
    rdata = dns.rdata.from_text("IN", "TXT", record)
    assert isinstance(rdata, TXT)
    text = b"".join(rdata.strings).decode("ascii", "backslashreplace")
    return _NOT_PRINTABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def of_version(records: Sequence[str], version: str) -> list[str]:
    """Return the records whose first tag is ``v=`` with this version; others at the name are not meant."""
    first = re.compile(rf"v\s*=\s*{re.escape(version)}\s*(;|$)")
    return [record for record in records if first.match(record)]


def tags(record: str) -> dict[str, str]:
    """Read a tag list; raise ValueError naming the part that is none."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in record.split(";"))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
            raise ValueError(f"{shown(part)} is no tag")
        if name.lower() in found:
            raise ValueError(f"{name}= stands there twice")
        found[name.lower()] = value
    return found


def only(records: Sequence[str]) -> dict[str, str]:
    """Return the tags of the one record there has to be; raise ValueError saying what is there instead."""
    if len(records) != 1:
        raise ValueError(f"{len(records)} records where there must be one")
    try:
        return tags(records[0])
    except ValueError as error:
        raise ValueError(f"{shown(records[0])}: {error}") from None


def shown(record: str) -> str:
    """Return a record as evidence repeats it."""
    return f'"{record}"' if len(record) <= SHOWN_MAX else f'"{record[:SHOWN_MAX]}…"'
