"""Events: what changed, in the words of CONTRACT 3.6."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class EventType(StrEnum):
    """Every type of event there is."""

    MESSAGE_ACCEPTED = "message.accepted"
    MESSAGE_DEFERRED = "message.deferred"
    MESSAGE_AT_RISK = "message.at_risk"
    MESSAGE_SENT = "message.sent"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_EXPIRED = "message.expired"
    MESSAGE_SUPERSEDED = "message.superseded"
    MESSAGE_CANCELLED = "message.cancelled"
    MESSAGE_UNKNOWN = "message.unknown"
    MESSAGE_USED = "message.used"
    FEEDBACK_BOUNCED = "feedback.bounced"
    FEEDBACK_DELAYED = "feedback.delayed"
    FEEDBACK_DELIVERED = "feedback.delivered"
    FEEDBACK_COMPLAINED = "feedback.complained"
    ADDRESS_CHANGED = "address.changed"
    DESTINATION_SILENT_DISCARD = "destination.silent_discard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of the log."""

    seq: int  #: position in the log, rising, given to committed events only
    id: str  #: ``evt_`` and 28 letters
    type: EventType
    at: float  #: when it happened
    message: str | None  #: message id
    challenge: str | None
    customer: str | None
    address: str | None  #: the recipient in full: events are personal data (scope ``read``)
    data: Mapping[str, Any]  #: the full current state of the message or address

    @property
    def lane(self) -> str:
        """What it is about: events of one lane are told in their order."""
        return self.message or self.address or self.type.value
