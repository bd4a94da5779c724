"""From the bytes of a mail that came back to what it says of whom.

Never raises but `ReportRefused`, whatever the bytes; never keeps a word of the returned mail. A mail that is no report
is `Kind.OTHER`: there is nothing to do.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mailsvc.domain.classify import Classifier, Finding, Words
from mailsvc.domain.outcome import Category
from mailsvc.domain.reply import Stage
from mailsvc.domain.report import DIAGNOSTIC_MAX, Action, Kind, Report, Reported
from mailsvc.feedback import dsn, notice, wording
from mailsvc.feedback.addresses import addresses, bare
from mailsvc.feedback.cloud import notification
from mailsvc.feedback.complaint import complaint
from mailsvc.feedback.mime import Part, ReportRefused, plain, take_apart

__all__ = ["ReportRefused", "read"]

#: Categories that say little: better words are looked for elsewhere in the report.
_VAGUE = frozenset({Category.UNKNOWN, Category.REMOTE_ERROR, Category.REMOTE_TEMPORARY, Category.NETWORK_ERROR})
_SILENT = frozenset({Category.UNKNOWN})
#: A finding of this confidence is not looked for any further.
SURE = 0.5
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
    found = (reader(mail, classifier) for reader in (_complaint, _receipt, _standard, _cloud, _auto_reply, _notice))
    return next((report for report in found if report is not None), _report(mail, Kind.OTHER, ()))


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
    paths = dict.fromkeys(found for value in named for _, found in addresses(value[:4000]))
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
    about = _about(said, recipient, alone=alone)
    if action is Action.DELIVERED:
        category, cause, finding = Category.DELIVERED, None, None
    else:
        finding = _best(_candidates(diagnostic, about, status, fields.host, recipient), classifier)
        category, cause = _end(action, finding, f"{diagnostic} {about}", status)
    return Reported(
        recipient=recipient,
        original=fields.original,
        action=action,
        category=category,
        cause=cause,
        status=_status(status, finding),
        confidence=finding.confidence if finding else 1.0,
        diagnostic=plain(diagnostic or about)[:DIAGNOSTIC_MAX] or None,
        host=fields.host,
    )


def _failed(mail: Part) -> str | None:
    return next((found for value in mail.all("x-failed-recipients") for _, found in addresses(value)), None)


def _action(fields: dsn.Fields) -> Action:
    told = _ACTIONS.get(fields.action)
    if told is None:
        return {"2": Action.DELIVERED, "4": Action.DELAYED}.get((fields.status or "5")[0], Action.FAILED)
    return told


def _candidates(
    diagnostic: str, about: str, status: str | None, host: str | None, recipient: str | None
) -> Iterable[Words]:
    """Return what can be read for the reason, the best first."""
    domain = recipient.rpartition("@")[2] if recipient else None
    for text in (diagnostic, _reply_in(about), about):
        if not text:
            continue
        spoken = _reply_in(text) or text
        words = Words.of(spoken, stage=_stage(about), host=host or _host(about), recipient_domain=domain)
        if words.status is None and status is not None:
            words = Words(
                text=words.text,
                code=words.code,
                status=status,
                stage=words.stage,
                host=words.host,
                recipient_domain=domain,
            )
        yield words
    if status is not None:
        yield Words(text="", status=status, host=host, recipient_domain=domain)


def _best(candidates: Iterable[Words], classifier: Classifier) -> Finding | None:
    """Return the first finding that is sure of something, else the surest."""
    found: list[Finding] = []
    for words in candidates:
        finding = classifier.find(words)
        if finding.confidence >= SURE and finding.category not in _SILENT:
            return finding
        found.append(finding)
    return max(found, key=lambda finding: (finding.category not in _VAGUE, finding.confidence), default=None)


def _end(action: Action, finding: Finding | None, text: str, status: str | None) -> tuple[Category, Category | None]:
    """Return category and cause: how it ended, and what stands behind that."""
    found = finding.category if finding else Category.UNKNOWN
    cause = None if found in (Category.UNKNOWN, Category.EXPIRED, Category.DELAYED) else found
    if action is Action.DELAYED:
        return Category.DELAYED, cause
    if found in _VAGUE and (status == "4.4.7" or wording.EXPIRED.search(text)):
        return Category.EXPIRED, cause
    return found, None


def _status(status: str | None, finding: Finding | None) -> str | None:
    if finding and finding.status and (status is None or status.endswith(".0.0")):
        return finding.status
    return status


def _about(said: str, recipient: str | None, *, alone: bool) -> str:
    """Return the lines of a human text that speak of a recipient."""
    if not said:
        return ""
    if recipient is None or alone:
        return said[:4000]
    lines = said.split("\n")
    for number, line in enumerate(lines):
        if recipient in line.lower():
            return "\n".join(lines[number : number + 6])
    return ""


def _reply_in(text: str) -> str:
    """Return the server's reply that a text quotes, empty where it quotes none."""
    match = wording.REPLY.search(text)
    return plain(match[0])[:2000] if match else ""


def _stage(text: str) -> Stage | None:
    match = wording.STAGE.search(text)
    if match is None:
        return None
    word = next(group for group in match.groups() if group).lower()
    if word.startswith("end of"):
        return Stage.DOT
    return wording.STAGES.get(word.split()[0])


def _host(text: str) -> str | None:
    match = wording.HOST.search(text)
    return match[1].lower() if match else None


# Other reports


def _of_notice(item: notice.Named, whole: str, writer: str | None, classifier: Classifier) -> Reported:
    domain = item.recipient.rpartition("@")[2] if item.recipient else None
    spoken = [
        _reply_in(item.words),
        wording.SAID.split(item.words)[-1],
        item.words,
        _reply_in(whole),
        plain(whole[:4000]),
    ]
    host = _host(item.words) or writer
    candidates = (
        Words.of(text, stage=_stage(item.words), host=host, recipient_domain=domain) for text in spoken if text
    )
    finding = _best(candidates, classifier)
    late = wording.DELAYED.search(whole) is not None and "permanent" not in whole.lower()
    action = Action.DELAYED if late else Action.FAILED
    category, cause = _end(action, finding, whole, None)
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
