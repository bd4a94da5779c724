"""A message and its states (CONTRACT 3.2); how it moves between them is decided in ``settlement``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mailsvc.domain.feedback import Feedback
from mailsvc.domain.outcome import Category
from mailsvc.domain.secret import Secret

#: A code mail is not handed over with less life than this: the customer still has to type the code (seconds).
GUARD = 20.0
#: The longest life of a code (seconds); a caller may ask for up to ``CODE_LIFE_SKEW`` more and is cut to this.
CODE_LIFE_MAX = 300.0
#: Clock skew a caller is allowed when it states ``expires_at`` for a code (seconds).
CODE_LIFE_SKEW = 30.0
#: The shortest life a caller may ask for a code (seconds).
CODE_LIFE_MIN = 30.0
#: The longest life of a notice (seconds); the default stands in its template.
NOTICE_LIFE_MAX = 72 * 3600.0


class MessageState(StrEnum):
    """Where a message stands; every state but ``QUEUED`` is final."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def final(self) -> bool:
        """Whether nothing can change any more."""
        return self is not MessageState.QUEUED


class Revocation(StrEnum):
    """Why a queued message is not to be handed over any more."""

    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a message ended."""

    state: MessageState  #: a final one
    at: float  #: when it was decided
    category: Category | None = None  #: None for superseded, cancelled and unknown
    cause: Category | None = None  #: what stands behind ``expired``, where a reply told
    reply: str | None = None  #: the last words of the remote site, at most 500 characters
    relayed: bool = False  #: handed to a relay: its 250 is not the recipient site's


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One mail to one recipient with a deadline: all that the composed bytes depend on, and where it stands."""

    id: str  #: ``msg_`` and 28 letters; ENVID and left part of the Message-ID
    api_key: str  #: id of the API key that submitted it; challenges and idempotency keys are scoped to it
    to: str  #: forward-path as it goes into RCPT TO and the To field, RFC 5321 4.1.2
    template: str  #: name of the template
    is_code: bool  #: carries a login code; a notice does not, and has no guard
    locale: str  #: ``ja`` or ``en``
    code: Secret | None  #: the login code; None for notices and after the final outcome
    reference: str  #: 受付番号, four characters
    tag: str  #: of the envelope sender, stable per recipient
    challenge: str | None  #: one login attempt of the caller
    customer: str | None  #: the caller's own reference, never mailed
    accepted_at: float  #: when it was taken in
    expires_at: float  #: the deadline
    context: Mapping[str, str] = field(default_factory=dict)  #: the template's declared variables
    state: MessageState = MessageState.QUEUED
    fence: int = 0  #: rises with every claim; a delivery with an older one may hand nothing over
    attempts: int = 0  #: attempts that have ended
    ambiguous: int = 0  #: of these, the ones whose connection was lost after the dot
    next_attempt_at: float | None = None  #: None while an attempt is open or the message is final
    revoked: Revocation | None = None  #: set while an attempt past the dot gate is still in flight
    at_risk: bool = False  #: ``message.at_risk`` has been reported
    stay_with: str | None = None  #: address of the host that the next try goes to first
    by_fallback: bool = False  #: the next try takes the second route, where there is one
    outcome: Outcome | None = None  #: None while queued
    used_at: float | None = None  #: when the auth system says the code was entered
    feedback: tuple[Feedback, ...] = ()  #: what came back after the hand-over, in the order in which it came

    @property
    def hand_over_by(self) -> float:
        """The last instant at which the mail's bytes may be handed over."""
        return self.expires_at - (GUARD if self.is_code else 0.0)

    @property
    def half_life(self) -> float:
        """The instant at which half of its life is gone."""
        return (self.accepted_at + self.expires_at) / 2
