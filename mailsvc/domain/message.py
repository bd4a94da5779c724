"""A message, its states and the total table of their transitions (CONTRACT 3.2).

Nothing here reads a clock or a database. ``transition`` is total: every pair of state and outcome has an answer,
and an outcome that comes after the end is ignored in so many words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mailsvc.domain.secret import Secret

#: A code mail is not handed over with less life than this: the customer still has to type the code (seconds).
GUARD = 20.0
#: The longest life of a code (seconds); a caller may ask for up to ``CODE_LIFE_SKEW`` more and is cut to this.
CODE_LIFE_MAX = 300.0
#: Clock skew a caller is allowed when it states ``expires_at`` for a code (seconds).
CODE_LIFE_SKEW = 30.0
#: The shortest life a caller may ask for a code (seconds).
CODE_LIFE_MIN = 30.0
#: Default and longest life of a notice (seconds).
NOTICE_LIFE = 24 * 3600.0
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
class Message:
    """One mail to one recipient with a deadline: all that the composed bytes depend on."""

    id: str  #: ``msg_`` and 26 characters; ENVID and left part of the Message-ID
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
    next_attempt_at: float | None = None  #: None while an attempt is open or the message is final
    revoked: Revocation | None = None  #: set while an attempt past the dot gate is still in flight

    @property
    def hand_over_by(self) -> float:
        """The last instant at which the mail's bytes may be handed over."""
        return self.expires_at - (GUARD if self.is_code else 0.0)


def transition(state: MessageState, outcome: MessageState) -> MessageState:
    """Return the state after ``outcome``; a final state never changes (CONTRACT 3.2: exactly one final state)."""
    return state if state.final else outcome
