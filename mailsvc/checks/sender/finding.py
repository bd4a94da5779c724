"""What an examination of our sending identity says: findings, each about one check.

Decides what becomes of a check that gets no answer: ``unknown``, never ``ok`` and never ``error``.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum

from mailsvc.dns import DnsTrouble

#: Seconds for one check.
CHECK_SECONDS = 9.0


class Severity(StrEnum):
    """How much a finding matters, the worst first."""

    ERROR = "error"  #: codes are refused, reports are lost, or anybody can send in our name
    WARNING = "warning"  #: works with most receivers today, and is going to fail or fails with some
    UNKNOWN = "unknown"  #: could not be looked at: neither healthy nor ill
    INFO = "info"  #: optional, or cannot be seen from here
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found."""

    check: str  #: stable name such as ``spf.envelope``; a check has one finding or more
    severity: Severity
    evidence: str  #: what was found, and what to do where it is no record
    publish: str | None = None  #: the line of a zone file to publish


async def guarded(check: str, examination: Awaitable[list[Finding]]) -> list[Finding]:
    """Return the findings of an examination; where DNS gives no answer, one that says that it is not known."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await examination
    except DnsTrouble as trouble:
        return [Finding(check, Severity.UNKNOWN, str(trouble))]
    except TimeoutError:
        return [Finding(check, Severity.UNKNOWN, f"not answered within {CHECK_SECONDS:.0f} s")]
