"""Whether a code came on time: taken by its destination within a minute of its acceptance.

A code is judged once, when it is final, and only where it could have been delivered: what the recipient or its mailbox
is to blame for is left out, and so is a code that was superseded or cancelled while it still had time.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from mailsvc.domain.message import MessageState
from mailsvc.domain.outcome import Category
from mailsvc.telemetry.ended import last_attempt, total_seconds

#: Seconds from the 202 to the destination's 250.
ON_TIME = 60.0

_WITHDRAWN = frozenset({MessageState.SUPERSEDED, MessageState.CANCELLED})


class Judgement(StrEnum):
    """What is said of a code that could have been delivered."""

    ON_TIME = "on_time"
    LATE = "late"  #: taken, but not within `ON_TIME`
    MISSED = "missed"  #: not taken, or nobody knows


def judge(message: Mapping[str, Any]) -> Judgement | None:
    """Judge a final message as the outside reads it (CONTRACT 3.2); None where there is nothing to judge."""
    if not message["is_code"]:
        return None
    seconds = total_seconds(message)
    if message["state"] == MessageState.SENT:
        return Judgement.ON_TIME if seconds <= ON_TIME else Judgement.LATE
    if message["state"] in _WITHDRAWN and seconds <= ON_TIME:
        return None
    reason = _reason(message)
    return None if reason and reason.of_recipient else Judgement.MISSED


def _reason(message: Mapping[str, Any]) -> Category | None:
    """Return the category that tells why it was not taken; the last attempt's where the outcome tells none."""
    told = message["outcome"] if message["outcome"]["category"] else last_attempt(message)
    if told is None:
        return None
    return Category(told["cause"] or told["category"])
