"""What happened to an attempt: category, scope, permanence (CONTRACT 3.3).

Failure is scope times permanence: any permanent failure may end a message, but what happened to a session or a host
never touches the state of an address.
"""

from dataclasses import dataclass
from enum import StrEnum

from mailsvc.domain.reply import Stage


class Category(StrEnum):
    """The one vocabulary for what came back."""

    DELIVERED = "delivered"
    USER_UNKNOWN = "user_unknown"
    DOMAIN_UNKNOWN = "domain_unknown"
    MAILBOX_DISABLED = "mailbox_disabled"
    MAILBOX_FULL = "mailbox_full"
    RECIPIENT_REFUSED = "recipient_refused"
    UNKNOWN_OR_REFUSED = "unknown_or_refused"
    SPAM_BLOCKED = "spam_blocked"
    CONTENT_REJECTED = "content_rejected"
    MESSAGE_TOO_LARGE = "message_too_large"
    AUTH_FAILED = "auth_failed"
    REPUTATION_BLOCKED = "reputation_blocked"
    RATE_LIMITED = "rate_limited"
    GREYLISTED = "greylisted"
    REMOTE_ERROR = "remote_error"
    REMOTE_TEMPORARY = "remote_temporary"
    NETWORK_ERROR = "network_error"
    EXPIRED = "expired"
    DELAYED = "delayed"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto_reply"
    UNKNOWN = "unknown"

    @property
    def hard(self) -> bool:
        """Whether the address cannot exist (CONTRACT 3.3: these two only)."""
        return self in (Category.USER_UNKNOWN, Category.DOMAIN_UNKNOWN)

    @property
    def of_recipient(self) -> bool:
        """Whether it says something of the recipient, not of us, the mail or the far system."""
        return self in _OF_RECIPIENT


_OF_RECIPIENT = frozenset(
    {
        Category.USER_UNKNOWN,
        Category.DOMAIN_UNKNOWN,
        Category.MAILBOX_DISABLED,
        Category.MAILBOX_FULL,
        Category.RECIPIENT_REFUSED,
        Category.UNKNOWN_OR_REFUSED,
    }
)


class Scope(StrEnum):
    """How far a failure reaches."""

    SESSION = "session"
    HOST = "host"
    MESSAGE = "message"
    RECIPIENT = "recipient"


class Permanence(StrEnum):
    """What an attempt's end means for the next one."""

    DELIVERED = "delivered"
    TRANSIENT = "transient"
    PERMANENT = "permanent"
    AMBIGUOUS = "ambiguous"  #: the connection was lost after the dot, RFC 1047
    STOPPED = "stopped"  #: a gate said no before the dot: nothing was handed over


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply or the lack of one means."""

    category: Category
    permanence: Permanence
    scope: Scope
    cause: Category | None = None  #: the category behind ``delayed`` or ``expired``


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One SMTP session's try, as it ended."""

    number: int  #: from 1
    at: float  #: when it began
    ended_at: float  #: when its end was known
    host: str | None  #: name of the remote MTA
    ip: str | None  #: its address
    stage: Stage  #: the last stage reached
    reply: str | None  #: the server's words, or ours for what has no reply; at most 500 characters
    category: Category
    permanence: Permanence
    scope: Scope
    cause: Category | None = None  #: the category behind ``delayed`` or ``expired``
    status: str | None = None  #: enhanced status code, RFC 3463
    tls: str | None = None  #: protocol version, None in clear
    seconds: tuple[tuple[str, float], ...] = ()  #: time in queue, dns, connect, tls, transfer
    relayed: bool = False  #: handed to a relay, not to the recipient's own site
    fallback: bool = False  #: by the second route
    destination: str | None = None  #: the site that was talked to; None where the route does not tell
    handed_over_at: float | None = None  #: when body and dot were written; None: they were not, or nobody knows

    @property
    def ambiguous(self) -> bool:
        """Whether nobody knows if this attempt left a copy with the recipient's site."""
        return self.permanence is Permanence.AMBIGUOUS
