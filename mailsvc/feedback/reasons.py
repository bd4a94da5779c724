"""Why a mail did not arrive: the words of a report that tell it, the best first, and what they mean together.

Decides which words are shown to the classifier and which of its findings holds; the meaning of words is the rules'.
"""

from collections.abc import Iterable
from dataclasses import replace

from mailsvc.domain.classify import Classifier, Finding, Words
from mailsvc.domain.outcome import Category
from mailsvc.domain.reply import Stage
from mailsvc.domain.report import Action
from mailsvc.feedback import wording
from mailsvc.feedback.mime import plain

#: Categories that say little: better words are looked for elsewhere in the report.
_VAGUE = frozenset({Category.UNKNOWN, Category.REMOTE_ERROR, Category.REMOTE_TEMPORARY, Category.NETWORK_ERROR})
#: A finding of this confidence is not looked for any further.
SURE = 0.5
#: Characters of a text that are shown to the classifier.
SHOWN_MAX = 4_000


def of_fields(
    diagnostic: str, about: str, status: str | None, host: str | None, recipient: str | None
) -> Iterable[Words]:
    """Return what a standard report and the lines about its recipient offer, the best first."""
    domain = _domain(recipient)
    for text in (diagnostic, reply_in(about), about):
        if text:
            spoken = reply_in(text) or text
            words = Words.of(spoken, stage=_stage(about), host=host or host_in(about), recipient_domain=domain)
            yield replace(words, status=words.status or status)
    if status is not None:
        yield Words(text="", status=status, host=host, recipient_domain=domain)


def of_notice(said: str, whole: str, host: str | None, recipient: str | None) -> Iterable[Words]:
    """Return what a notice of no standard offers: what it says of the recipient, then all of it."""
    texts = (reply_in(said), wording.SAID.split(said)[-1], said, reply_in(whole), plain(whole[:SHOWN_MAX]))
    domain, stage = _domain(recipient), _stage(said)
    return (Words.of(text, stage=stage, host=host, recipient_domain=domain) for text in texts if text)


def best(candidates: Iterable[Words], classifier: Classifier) -> Finding | None:
    """Return the first finding that is sure of something, else the surest; None where nothing was said."""
    found: list[Finding] = []
    for words in candidates:
        finding = classifier.find(words)
        if finding.confidence >= SURE and finding.category is not Category.UNKNOWN:
            return finding
        found.append(finding)
    return max(found, key=lambda finding: (finding.category not in _VAGUE, finding.confidence), default=None)


def ending(action: Action, finding: Finding | None, text: str, status: str | None) -> tuple[Category, Category | None]:
    """Return category and cause: how it ended, and what stands behind that."""
    found = finding.category if finding else Category.UNKNOWN
    cause = None if found in (Category.UNKNOWN, Category.EXPIRED, Category.DELAYED) else found
    if action is Action.DELAYED:
        return Category.DELAYED, cause
    if found in _VAGUE and (status == "4.4.7" or wording.EXPIRED.search(text)):
        return Category.EXPIRED, cause
    return found, None


def status_of(status: str | None, finding: Finding | None) -> str | None:
    """Return the status that says most: a report's own ``x.0.0`` says less than one that stands in the words."""
    if finding and finding.status and (status is None or status.endswith(".0.0")):
        return finding.status
    return status


def about(said: str, recipient: str | None, *, alone: bool) -> str:
    """Return the lines of a human text that speak of a recipient."""
    if not said:
        return ""
    if recipient is None or alone:
        return said[:SHOWN_MAX]
    lines = said.split("\n")
    for number, line in enumerate(lines):
        if recipient in line.lower():
            return "\n".join(lines[number : number + 6])
    return ""


def host_in(text: str) -> str | None:
    """Return the name of the server that a text says it speaks of."""
    match = wording.HOST.search(text)
    return match[1].lower() if match else None


def reply_in(text: str) -> str:
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


def _domain(recipient: str | None) -> str | None:
    return recipient.rpartition("@")[2] if recipient else None
