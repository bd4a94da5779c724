"""Complaints: abuse reports in the format of RFC 5965 and the forms of providers that follow it loosely."""

import re
from collections.abc import Sequence

from mailsvc.domain.outcome import Category
from mailsvc.domain.report import Action, Reported
from mailsvc.feedback.addresses import addresses, bare
from mailsvc.feedback.mime import Part, head_of

#: Recipients of one report.
RECIPIENTS_MAX = 50
#: Reports that somebody wants the mail (RFC 5965 7.3).
_NO_COMPLAINTS = frozenset({"not-spam"})
#: Reports that a mail did not authenticate (RFC 6591): about us, not from the recipient.
_OF_AUTHENTICATION = frozenset({"auth-failure", "dmarc"})
_FIELD = re.compile(r"^([\w-]{1,60})[ \t]*:[ \t]*(.*)$", re.MULTILINE)


def complaint(mail: Part) -> tuple[Reported, ...] | None:
    """Return who complains: empty for a feedback report that is no complaint, None where it is no feedback report."""
    body = next((part for part in mail.walk() if part.type == "message/feedback-report"), None)
    if body is None and not _by_form(mail):
        return None
    fields = [(name.lower(), value) for name, value in _FIELD.findall(body.text)] if body else []
    told = next((value.strip().lower() for name, value in fields if name == "feedback-type"), "abuse")
    if told in _NO_COMPLAINTS:
        return ()
    cause = Category.AUTH_FAILED if told in _OF_AUTHENTICATION else None
    named = [bare(value) for name, value in fields if name in ("original-rcpt-to", "removal-recipient")]
    return tuple(
        Reported(recipient=who, action=Action.COMPLAINED, category=Category.COMPLAINT, cause=cause, confidence=1.0)
        for who in _distinct(named) or [_returned_to(mail)]
    )


def _distinct(named: Sequence[str | None]) -> Sequence[str | None]:
    return [who for who in dict.fromkeys(named) if who][:RECIPIENTS_MAX]


def _by_form(mail: Part) -> bool:
    """Whether it is a complaint in Microsoft's form, which has no part of its own."""
    inside = [part for part in mail.walk() if part is not mail]
    return any(part.all("x-hmxmroriginalrecipient") for part in inside)


def _returned_to(mail: Part) -> str | None:
    """Return the recipient of the mail that is complained of."""
    for part in mail.walk():
        if part is mail:
            continue
        head = head_of(part.octets) if part.type == "text/rfc822-headers" else part
        for name in ("x-hmxmroriginalrecipient", "x-original-to", "delivered-to", "to"):
            for value in head.all(name):
                found = next(addresses(value), None)
                if found:
                    return found
    return None
