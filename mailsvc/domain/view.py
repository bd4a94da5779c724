"""A message and its attempts as the outside reads them (the object of CONTRACT 3.2); never the code."""

from collections.abc import Sequence
from typing import Any

from mailsvc.domain.address import parse
from mailsvc.domain.instant import rfc3339
from mailsvc.domain.message import Message, Outcome
from mailsvc.domain.outcome import Attempt


def message_view(message: Message, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Return the JSON object of a message with the attempts that have ended, in their order."""
    return {
        "id": message.id,
        "state": message.state.value,
        "template": message.template,
        "locale": message.locale,
        "reference": message.reference,
        "to": parse(message.to).masked,
        "challenge": message.challenge,
        "customer": message.customer,
        "accepted_at": rfc3339(message.accepted_at),
        "expires_at": rfc3339(message.expires_at),
        "next_attempt_at": _instant(message.next_attempt_at),
        "attempts": [_attempt_view(attempt) for attempt in attempts],
        "outcome": _outcome_view(message.outcome) if message.outcome else None,
        "used_at": _instant(message.used_at),
        "feedback": [],
    }


def _instant(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)


def _attempt_view(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "at": rfc3339(attempt.at),
        "host": attempt.host,
        "ip": attempt.ip,
        "stage": attempt.stage.value,
        "reply": attempt.reply,
        "category": attempt.category.value,
        "cause": attempt.cause.value if attempt.cause else None,
        "status": attempt.status,
        "ambiguous": attempt.ambiguous,
        "tls": attempt.tls,
        "seconds": {name: round(seconds, 4) for name, seconds in attempt.seconds},
    }


def _outcome_view(outcome: Outcome) -> dict[str, Any]:
    return {
        "state": outcome.state.value,
        "at": rfc3339(outcome.at),
        "category": outcome.category.value if outcome.category else None,
        "cause": outcome.cause.value if outcome.cause else None,
        "reply": outcome.reply,
        "relayed": outcome.relayed,
    }


def accepted_view(message: Message, superseded: Sequence[str], raced: Sequence[str]) -> dict[str, Any]:
    """Return the answer to a submit (the 202 of CONTRACT 3.1)."""
    return {
        "id": message.id,
        "state": message.state.value,
        "reference": message.reference,
        "to": parse(message.to).masked,
        "accepted_at": rfc3339(message.accepted_at),
        "expires_at": rfc3339(message.expires_at),
        "superseded": list(superseded),
        "raced": list(raced),
        "address": None,
    }
