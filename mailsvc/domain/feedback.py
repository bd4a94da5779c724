"""What a report says of one of our messages, and what of that counts (CONTRACT 3.5, DESIGN 4).

Pure. A report is verified when it came to the tag of the address and names the message; a message is told the same
thing once. The address that a report may accuse is always that of our message, whatever recipients it names.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailsvc.domain.address_state import Evidence, Source, Strength
from mailsvc.domain.echo import without_codes
from mailsvc.domain.event import EventType
from mailsvc.domain.outcome import Category
from mailsvc.domain.report import DIAGNOSTIC_MAX, Action, Report, Reported, ReportSource

#: A report about an older message changes nothing (seconds).
REPORTABLE = 7 * 86400.0
#: Things that one message is told at most; no honest site says more.
TOLD_MAX = 20
HOST_MAX = 255  # characters, RFC 1035 2.3.4

#: How each action is told; what a machine answered is told to nobody.
EVENTS = {
    Action.FAILED: EventType.FEEDBACK_BOUNCED,
    Action.DELAYED: EventType.FEEDBACK_DELAYED,
    Action.DELIVERED: EventType.FEEDBACK_DELIVERED,
    Action.COMPLAINED: EventType.FEEDBACK_COMPLAINED,
}
_OUR_ID = re.compile(r"msg_[a-p]{28}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One thing that came back about a message after its hand-over."""

    at: float  #: when the report came in
    action: Action
    category: Category
    cause: Category | None = None  #: the category behind ``delayed`` and ``expired``
    status: str | None = None  #: enhanced status code, RFC 3463
    reply: str | None = None  #: the site's words, without anything that looks like a code
    host: str | None = None  #: who said it
    source: ReportSource
    verified: bool  #: the report knew the tag of the address and the message

    @property
    def hard(self) -> bool:
        """Whether it says that the address cannot exist."""
        return self.action is Action.FAILED and self.category.hard


def our_ids(report: Report) -> tuple[str, ...] | None:
    """Return the ids of ours that a report names its mail by; None where the mail it returns is none of ours."""
    named = [(report.message_id or "").partition("@")[0], report.envid or ""]
    ours = tuple(dict.fromkeys(name for name in named if _OUR_ID.fullmatch(name)))
    return None if report.message_id and not ours else ours


def feedback(
    report: Report, identity: str, known: Sequence[Feedback], *, at: float, source: ReportSource, verified: bool
) -> list[Feedback]:
    """Return what a report says that is new of a message to the address ``identity``.

    Where the report names other recipients only, the mail was forwarded: what became of it there is known of the
    forwarder, and no longer verified.
    """
    ours = [said for said in report.recipients if _is_about(said, identity)]
    new: list[Feedback] = []
    for said in ours or report.recipients:
        one = replace(_feedback(said, at, source), verified=verified and bool(ours))
        if said.action in EVENTS and len(known) + len(new) < TOLD_MAX and not _told([*known, *new], one):
            new.append(one)
    return new


def evidence(told: Feedback, message: str) -> Evidence | None:
    """Return what feedback says of the address of its message; None where it says nothing."""
    # What stands behind an end says more than the end; a report on authentication (RFC 6591) is about us.
    category = told.cause or told.category
    # Until a site has given up, it says nothing that lasts but that the mailbox is full.
    lasting = told.action in (Action.FAILED, Action.COMPLAINED)
    if not lasting and not (told.action is Action.DELAYED and category is Category.MAILBOX_FULL):
        return None
    return Evidence(
        at=told.at,
        source=Source.REPORT,
        strength=Strength.STRONG if told.verified else Strength.WEAK,
        category=category,
        reply=told.reply,
        message=message,
    )


def _feedback(said: Reported, at: float, source: ReportSource) -> Feedback:
    return Feedback(
        at=at,
        action=said.action,
        category=said.category,
        cause=said.cause,
        status=said.status,
        reply=without_codes(said.diagnostic)[:DIAGNOSTIC_MAX] if said.diagnostic else None,
        host=without_codes(said.host)[:HOST_MAX] if said.host else None,
        source=source,
        verified=False,
    )


def _is_about(said: Reported, identity: str) -> bool:
    named = [name for name in (said.recipient, said.original) if name]
    return not named or any(name.lower().replace('"', "") == identity for name in named)


def _told(known: Sequence[Feedback], new: Feedback) -> bool:
    """Whether a message has been told this before: once by a verified report, before that each category once."""
    return any(
        old.action is new.action and (old.verified or (not new.verified and old.category is new.category))
        for old in known
    )
