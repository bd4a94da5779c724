"""Notifications of Amazon SES by mail: JSON, plain or inside the envelope of Amazon SNS (SES developer guide)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mailsvc.domain.classify import Classifier, Words
from mailsvc.domain.outcome import Category
from mailsvc.domain.report import DIAGNOSTIC_MAX, Action, Reported
from mailsvc.feedback.addresses import bare
from mailsvc.feedback.mime import Part, plain

#: Recipients of one notification.
RECIPIENTS_MAX = 50
_KINDS = {"Bounce": Action.FAILED, "Complaint": Action.COMPLAINED, "Delivery": Action.DELIVERED}
#: What a kind of bounce says where no status is told; ``General`` says nothing of the address.
_STATUSES = {"NoEmail": "5.1.1", "MailboxFull": "5.2.2"}


def notification(mail: Part, classifier: Classifier) -> tuple[Reported, ...] | None:
    """Return what a notification says, None where the mail is none; never raises."""
    if "notificationType" not in mail.text:
        return None
    try:
        told = _document(mail.text)
    except (ValueError, RecursionError):
        return None
    action = _KINDS.get(str(told.get("notificationType")))
    if action is None:
        return None
    return tuple(_reported(entry, told, action, classifier) for entry in _recipients(told, action)) or None


def _document(text: str) -> Mapping[str, Any]:
    # Mail servers wrap the long line; a space inside a word of the JSON does no harm, a line end would.
    decoder = json.JSONDecoder(strict=False)
    document, _ = decoder.raw_decode(text[text.index("{") :])
    if isinstance(document, dict) and isinstance(document.get("Message"), str):
        document, _ = decoder.raw_decode(document["Message"])
    if not isinstance(document, dict):
        raise ValueError("no object")  # noqa: TRY004  as for what is no JSON
    return document


def _recipients(told: Mapping[str, Any], action: Action) -> Sequence[Mapping[str, Any]]:
    part = told.get({Action.FAILED: "bounce", Action.COMPLAINED: "complaint"}.get(action, "delivery"))
    if not isinstance(part, dict):
        return ()
    named = part.get("bouncedRecipients") or part.get("complainedRecipients") or part.get("recipients")
    entries = named if isinstance(named, list) else []
    return [entry if isinstance(entry, dict) else {"emailAddress": entry} for entry in entries][:RECIPIENTS_MAX]


def _reported(entry: Mapping[str, Any], told: Mapping[str, Any], action: Action, classifier: Classifier) -> Reported:
    recipient = bare(str(entry.get("emailAddress")))
    if action is not Action.FAILED:
        category = Category.COMPLAINT if action is Action.COMPLAINED else Category.DELIVERED
        return Reported(recipient=recipient, action=action, category=category, confidence=1.0)
    bounce = told["bounce"]
    status = str(entry.get("status") or _STATUSES.get(str(bounce.get("bounceSubType")), "")) or None
    diagnostic = str(entry.get("diagnosticCode") or "")
    said = plain(diagnostic.partition(";")[2]) or plain(diagnostic)
    words = Words.of(said)
    finding = classifier.find(replace(words, status=words.status or status))
    return Reported(
        recipient=recipient,
        action=Action.DELAYED if entry.get("action") == "delayed" else Action.FAILED,
        category=finding.category,
        status=status or finding.status,
        confidence=finding.confidence,
        diagnostic=said[:DIAGNOSTIC_MAX] or None,
    )
