"""The state of an address: what may change it, by how much evidence, until when (CONTRACT 3.5).

Pure.
"""

from dataclasses import dataclass
from enum import StrEnum

from mailsvc.domain.outcome import Category
from mailsvc.domain.reply import Stage


class Source(StrEnum):
    """Where evidence came from."""

    SMTP = "smtp"  #: a reply while the mail was offered
    REPORT = "report"  #: a bounce or complaint that came back later
    DNS = "dns"
    USED = "used"  #: the customer entered the code
    OPERATOR = "operator"


class Strength(StrEnum):
    """How far evidence may be believed."""

    STRONG = "strong"  #: from the SMTP dialogue itself, or a report verified by tag and Message-ID or ENVID
    WEAK = "weak"  #: a report known by its tag alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing that was learned of an address."""

    at: float  #: when it was said
    source: Source
    strength: Strength
    category: Category
    stage: Stage | None = None
    reply: str | None = None  #: the site's words; at most 500 characters
    message: str | None = None  #: id of the message it is about
