"""Reports as other sites send them: our own, written after RFC 3464, RFC 5965 and RFC 3834."""

from typing import Any

from mailsvc.domain.outcome import Category
from mailsvc.domain.report import Action, Kind, Report, Reported, ReportSource
from mailsvc.store import Store, reports
from tests.support.domain import NOW

SENDER_DOMAIN = "mail.example.jp"


def return_path(tag: str) -> str:
    """Return our envelope sender of a tag."""
    return f"b+{tag}@{SENDER_DOMAIN}"


def dsn(
    to: str,
    *,
    about: str | None,
    recipient: str = "taro@example.jp",
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "550 5.1.1 <taro@example.jp>: Recipient address rejected: User unknown",
    note: str = "",
) -> bytes:
    """Return a delivery status notification that came to ``to``; ``about`` is the id of the returned mail."""
    returned = f"Message-ID: <{about}@{SENDER_DOMAIN}>\r\n" if about else ""
    return f"""\
From: Mail Delivery System <mailer-daemon@mx.example.jp>\r
To: <{to}>\r
Subject: Undelivered Mail Returned to Sender\r
Date: Mon, 23 Nov 2026 10:00:00 +0900\r
Message-ID: <{note or "report"}@mx.example.jp>\r
Auto-Submitted: auto-replied\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary="=_report"\r
\r
--=_report\r
Content-Type: text/plain; charset=us-ascii\r
\r
This is the mail system at mx.example.jp. Your message could not be delivered.\r
{note}\r
--=_report\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.example.jp\r
\r
Final-Recipient: rfc822; {recipient}\r
Action: {action}\r
Status: {status}\r
Remote-MTA: dns; mx.example.jp\r
Diagnostic-Code: smtp; {diagnostic}\r
\r
--=_report\r
Content-Type: text/rfc822-headers\r
\r
Return-Path: <{to}>\r
{returned}From: <no-reply@{SENDER_DOMAIN}>\r
To: <{recipient}>\r
Subject: login\r
\r
--=_report--\r
""".encode()


def said(recipient: str | None = "taro@docomo.ne.jp", **fields: Any) -> Reported:
    """Return what a report says of a recipient: by default that its mailbox is full."""
    default = {"action": Action.FAILED, "category": Category.MAILBOX_FULL, "status": "5.2.2", "diagnostic": "full"}
    return Reported(recipient=recipient, **(default | fields))


def bounce(*recipients: Reported, **fields: Any) -> Report:
    """Return a bounce as it was read."""
    return Report(kind=Kind.BOUNCE, recipients=recipients or (said(),), **fields)


async def keep(
    store: Store,
    raw: bytes = b"raw",
    recipient: str | None = "postmaster",
    *,
    at: float = NOW,
    source: ReportSource = ReportSource.SMTP,
) -> str:
    """Keep a report; return its id."""
    return await store.write(lambda tx: reports.add(tx, raw, recipient, source, at))
