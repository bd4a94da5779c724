"""From the bytes of a mail that came back to what it says of whom.

Never raises but `ReportRefused`, whatever the bytes; never keeps a word of the returned mail. A mail that is no report
is `Kind.OTHER`: there is nothing to do.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from mailsvc.domain.classify import Classifier
from mailsvc.domain.outcome import Category
from mailsvc.domain.report import DIAGNOSTIC_MAX, Action, Kind, Report, Reported
from mailsvc.feedback import dsn, notice, reasons, wording
from mailsvc.feedback.addresses import addresses, bare
from mailsvc.feedback.cloud import notification
from mailsvc.feedback.complaint import complaint
from mailsvc.feedback.mime import Part, ReportRefused, plain, take_apart

__all__ = ["ReportRefused", "read"]

_ACTIONS = {
    "failed": Action.FAILED,
    "failure": Action.FAILED,
    "delayed": Action.DELAYED,
    "delivered": Action.DELIVERED,
    "relayed": Action.DELIVERED,
    "expanded": Action.DELIVERED,
}


def read(raw: bytes, classifier: Classifier) -> Report:
    """Return what a mail says; raise `ReportRefused` where it is larger or deeper than a report can be."""
    mail = take_apart(raw)
    for reader in (_complaint, _receipt, _standard, _cloud, _auto_reply, _notice):
        if report := reader(mail, classifier):
            return report
    return _report(mail, Kind.OTHER, ())


def _complaint(mail: Part, _classifier: Classifier) -> Report | None:
    found = complaint(mail)
    return None if found is None else _report(mail, Kind.COMPLAINT if found else Kind.OTHER, found)


def _receipt(mail: Part, _classifier: Classifier) -> Report | None:
    """Return that a read receipt (RFC 8098), which is about a person, tells nothing of delivery."""
    read_it = any(part.type == "message/disposition-notification" for part in mail.walk())
    return _report(mail, Kind.OTHER, ()) if read_it else None


def _standard(mail: Part, classifier: Classifier) -> Report | None:
    status = dsn.status_of(mail)
    if status is None:
        return None
    said = notice.human_text(mail)
    alone = len(status.recipients) == 1
    items = [_of_fields(fields, said, classifier, alone=alone) for fields in status.recipients]
    if alone and items[0].recipient is None:  # a pipe or a file: the field in the header knows the address
        items = [replace(items[0], recipient=_failed(mail))]
    return _report(mail, Kind.BOUNCE, items, envid=status.envid)


def _cloud(mail: Part, classifier: Classifier) -> Report | None:
    items = notification(mail, classifier)
    if items is None:
        return None
    return _report(mail, Kind.COMPLAINT if items[0].action is Action.COMPLAINED else Kind.BOUNCE, items)


def _auto_reply(mail: Part, _classifier: Classifier) -> Report | None:
    if not _answers_by_itself(mail):
        return None
    sender = bare(mail.get("from")) or bare(mail.get("return-path"))
    said = Reported(recipient=sender, action=Action.REPLIED, category=Category.AUTO_REPLY, confidence=0.9)
    return _report(mail, Kind.AUTO_REPLY, (said,))


def _notice(mail: Part, classifier: Classifier) -> Report | None:
    if not notice.is_notice(mail):
        return None
    whole = f"{mail.get('subject')}\n{notice.human_text(mail)}"
    return _report(
        mail, Kind.BOUNCE, [_of_notice(item, whole, _writer(mail), classifier) for item in notice.named(mail)]
    )


def _report(mail: Part, kind: Kind, items: Sequence[Reported], envid: str | None = None) -> Report:
    head = notice.returned_head(mail)
    message_id = re.search(r"<([^<>\s]{1,300})>", head.get("message-id")) if head else None
    named = [value for name in ("delivered-to", "x-original-to", "envelope-to", "to") for value in mail.all(name)]
    named += [
        value for name in ("return-path", "x-envelope-from", "sender") for value in (head.all(name) if head else ())
    ]
    paths = dict.fromkeys(found for value in named for found in addresses(value[:4000]))
    return Report(
        kind=kind,
        recipients=tuple(items),
        message_id=message_id[1] if message_id else None,
        envid=envid,
        return_paths=tuple(paths)[:20],
    )


# Standard reports


def _of_fields(fields: dsn.Fields, said: str, classifier: Classifier, *, alone: bool) -> Reported:
    status, diagnostic = fields.status, fields.diagnostic
    action = _action(fields)
    recipient = fields.recipient
    about = reasons.about(said, recipient, alone=alone)
    if action is Action.DELIVERED:
        category, cause, finding = Category.DELIVERED, None, None
    else:
        finding = reasons.best(reasons.of_fields(diagnostic, about, status, fields.host, recipient), classifier)
        category, cause = reasons.ending(action, finding, f"{diagnostic} {about}", status)
    return Reported(
        recipient=recipient,
        original=fields.original,
        action=action,
        category=category,
        cause=cause,
        status=reasons.status_of(status, finding),
        confidence=finding.confidence if finding else 1.0,
        diagnostic=plain(diagnostic or about)[:DIAGNOSTIC_MAX] or None,
        host=fields.host,
    )


def _failed(mail: Part) -> str | None:
    return next((found for value in mail.all("x-failed-recipients") for found in addresses(value)), None)


def _action(fields: dsn.Fields) -> Action:
    told = _ACTIONS.get(fields.action)
    if told is None:
        return {"2": Action.DELIVERED, "4": Action.DELAYED}.get((fields.status or "5")[0], Action.FAILED)
    return told


# Other reports


def _of_notice(item: notice.Named, whole: str, writer: str | None, classifier: Classifier) -> Reported:
    host = reasons.host_in(item.words) or writer
    finding = reasons.best(reasons.of_notice(item.words, whole, host, item.recipient), classifier)
    late = wording.DELAYED.search(whole) is not None and "permanent" not in whole.lower()
    action = Action.DELAYED if late else Action.FAILED
    category, cause = reasons.ending(action, finding, whole, None)
    return Reported(
        recipient=item.recipient,
        action=action,
        category=category,
        cause=cause,
        status=finding.status if finding else None,
        confidence=finding.confidence if finding else 0.3,
        diagnostic=item.words[:DIAGNOSTIC_MAX] or None,
        host=host,
    )


def _writer(mail: Part) -> str | None:
    """Return the domain of who wrote a notice: carriers and providers write of their own mailboxes."""
    sender = bare(mail.get("from"))
    return sender.rpartition("@")[2] if sender else None


def _answers_by_itself(mail: Part) -> bool:
    auto = mail.get("auto-submitted").lower()
    told = auto.startswith("auto-replied") or bool(mail.all("x-autoreply") or mail.all("x-autorespond"))
    subject = wording.AUTO.search(mail.get("subject")) is not None
    if mail.all("x-failed-recipients") or not (told or (subject and auto != "no")):
        return False
    return subject or not notice.is_notice(mail)
