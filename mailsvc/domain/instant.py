"""Instants as text: RFC 3339 on the surface, ``float`` Unix seconds inside."""

import re
from datetime import UTC, datetime

# RFC 3339 5.6 date-time; ``fromisoformat`` alone would also take week dates and missing offsets.
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:[0-5]\d)", re.ASCII)


def rfc3339(at: float) -> str:
    """Write an instant in UTC with milliseconds: ``2026-11-23T01:15:00.000Z``."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> float:
    """Read a date-time with an offset; raise `ValueError` for anything else."""
    if not _DATE_TIME.fullmatch(text):
        raise ValueError("is no RFC 3339 date-time with an offset")
    return datetime.fromisoformat(text.upper()).timestamp()
