"""Messages, attempts, addresses and events as the outside reads them (CONTRACT 3.1, 3.2, 3.5, 3.6); never the code."""

from collections.abc import Mapping, Sequence
from typing import Any

from mailsvc.domain.address import parse
from mailsvc.domain.address_state import Evidence, Record, Standing
from mailsvc.domain.discard import Site
from mailsvc.domain.event import Event
from mailsvc.domain.feedback import Feedback
from mailsvc.domain.instant import rfc3339
from mailsvc.domain.message import Message, Outcome
from mailsvc.domain.outcome import Attempt


def message_view(
    message: Message, attempts: Sequence[Attempt], address: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the JSON object of a message with the attempts that have ended, in their order.

    ``address`` is what is wrong with its recipient (`address_note`).
    """
    return {
        "id": message.id,
        "state": message.state.value,
        "template": message.template,
        "is_code": message.is_code,
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
        "feedback": [_feedback_view(told) for told in message.feedback],
        "address": address,
    }


def _instant(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)


def _attempt_view(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "at": rfc3339(attempt.at),
        "host": attempt.host,
        "ip": attempt.ip,
        "destination": attempt.destination,
        "stage": attempt.stage.value,
        "handed_over_at": _instant(attempt.handed_over_at),
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


def _feedback_view(told: Feedback) -> dict[str, Any]:
    return {
        "at": rfc3339(told.at),
        "action": told.action.value,
        "category": told.category.value,
        "cause": told.cause.value if told.cause else None,
        "status": told.status,
        "hard": told.hard,
        "reply": told.reply,
        "host": told.host,
        "source": told.source.value,
        "verified": told.verified,
    }


def accepted_view(
    message: Message, superseded: Sequence[str], raced: Sequence[str], address: Mapping[str, Any] | None = None
) -> dict[str, Any]:
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
        "address": address,
    }


def address_note(standing: Standing, guidance: Mapping[str, str]) -> dict[str, Any]:
    """Return what a message, its events and the answer to a submit say of an address with which something is wrong."""
    return {
        "state": standing.state.value,
        "since": _instant(standing.since),
        "until": _instant(standing.until),
        "category": standing.category.value if standing.category else None,
        "guidance": dict(guidance),
    }


def address_view(address: str, record: Record, guidance: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON object of an address (CONTRACT 3.5) under the name given, masked or not."""
    note = address_note(record.standing, guidance)
    return {"address": address, **note, "evidence": [_evidence_view(known) for known in record.evidence]}


def _evidence_view(known: Evidence) -> dict[str, Any]:
    return {
        "at": rfc3339(known.at),
        "source": known.source.value,
        "strength": known.strength.value,
        "category": known.category.value,
        "stage": known.stage.value if known.stage else None,
        "reply": known.reply,
        "message": known.message,
    }


def discard_view(site: Site) -> dict[str, Any]:
    """Return what an event says of a site whose codes vanish, or have vanished."""
    return {
        "destination": site.destination,
        "state": "cleared" if site.raised_at is None else "raised",
        "since": rfc3339(site.began),
        "sent": site.episode_sent,
        "used": site.episode_used,
        "usual_share": round(site.usual, 3),
    }


def event_view(event: Event) -> dict[str, Any]:
    """Return an event as pull and push carry it."""
    return {
        "seq": event.seq,
        "id": event.id,
        "type": event.type.value,
        "at": rfc3339(event.at),
        "message": event.message,
        "challenge": event.challenge,
        "customer": event.customer,
        "address": event.address,
        "data": event.data,
    }
