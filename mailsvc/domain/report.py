"""A report as read: what a returned mail says of each recipient (RFC 3464, RFC 5965, and mails that follow neither).

Values only. ``feedback`` reads them out of bytes; ``store`` decides what they change.
"""

from dataclasses import dataclass
from enum import StrEnum

from mailsvc.domain.outcome import Category

#: A diagnostic text is kept up to this many characters.
DIAGNOSTIC_MAX = 500


class Kind(StrEnum):
    """What a mail that came back is."""

    BOUNCE = "bounce"  #: something was not, or not yet, delivered, or was delivered: a delivery status notification
    COMPLAINT = "complaint"  #: ARF, RFC 5965
    AUTO_REPLY = "auto_reply"  #: a vacation notice and the like, RFC 3834
    OTHER = "other"  #: a read receipt, an aggregate report, a person's letter: nothing to do


class ReportSource(StrEnum):
    """The way a report came in."""

    SMTP = "smtp"  #: to our receiver
    HTTP = "http"  #: ``POST /v1/reports``, also by ``mailsvc ingest``
    IMAP = "imap"  #: fetched from a mailbox elsewhere


class ReportState(StrEnum):
    """Where a report stands."""

    PENDING = "pending"  #: kept, not yet read
    DONE = "done"  #: read; its body is deleted
    QUARANTINED = "quarantined"  #: it cannot be read; kept for an operator to look at


class Action(StrEnum):
    """What happened to the mail for one recipient; RFC 3464 2.3.3 and one word of ours."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"  #: also ``relayed`` and ``expanded``
    COMPLAINED = "complained"
    REPLIED = "replied"  #: by a machine: an auto-reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What a report says of one recipient."""

    recipient: str | None  #: as the report names it, lower case; None where it names none
    original: str | None = None  #: ORCPT or the like, where it differs
    action: Action
    category: Category
    cause: Category | None = None  #: the category behind ``delayed`` and ``expired``
    status: str | None = None  #: enhanced status code, RFC 3463
    confidence: float = 0.0  #: 0 to 1
    diagnostic: str | None = None  #: the remote site's words, control characters replaced; at most DIAGNOSTIC_MAX
    host: str | None = None  #: the remote MTA that said so

    @property
    def hard(self) -> bool:
        """Whether it says that the address cannot exist."""
        return self.action is Action.FAILED and self.category.hard


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A mail that came back, as read."""

    kind: Kind
    recipients: tuple[Reported, ...] = ()  #: one at least for a bounce or a complaint; order of the report
    message_id: str | None = None  #: Message-ID of the returned mail, without angle brackets
    envid: str | None = None  #: Original-Envelope-Id, xtext decoded
    return_paths: tuple[str, ...] = ()  #: addresses it was sent to or that the returned mail names as its sender
