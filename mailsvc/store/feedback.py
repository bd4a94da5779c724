"""What a report that was read changes: the message it is about, the event, the evidence for its address.

One transaction's work, with the deletion of the report's body. Which message it is about is found here; what it may
say of it is ``domain.feedback``'s. A report that fits no mail of ours changes nothing, and says why.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from mailsvc.domain.address import parse
from mailsvc.domain.feedback import EVENTS, REPORTABLE, evidence, feedback, our_ids
from mailsvc.domain.mailboxes import Mailboxes
from mailsvc.domain.message import Message
from mailsvc.domain.report import Kind, Report, ReportState
from mailsvc.store import address_states, messages, reports
from mailsvc.store.addresses import by_tag
from mailsvc.store.reports import StoredReport
from mailsvc.store.schema import messages as table
from mailsvc.store.sql import Prepared
from mailsvc.store.transaction import Transaction

_NEWEST = Prepared(
    select(table)
    .where(
        table.c.address == bindparam("address"),
        table.c.accepted_at > bindparam("since"),
        table.c.accepted_at <= bindparam("until"),
        table.c.attempts > 0,
    )
    .order_by(table.c.accepted_at.desc())
    .limit(1)
)
_TELLING = frozenset({Kind.BOUNCE, Kind.COMPLAINT})


class _NotOurs(Exception):
    """The report fits no mail of ours; the message says why, for operators."""


@dataclass(frozen=True, slots=True)
class _Subject:
    message: Message
    verified: bool


def conclude(tx: Transaction, report_id: str, report: Report, mailboxes: Mailboxes, now: float) -> None:
    """Do what a report that waited asks for, once, and note that it is done; its body is deleted."""
    stored = reports.get(tx.connection, report_id)
    if stored is None or stored.state is not ReportState.PENDING:
        return
    message, problem = None, None
    if report.kind in _TELLING:
        try:
            subject = _subject(tx.connection, stored, report, mailboxes)
        except _NotOurs as error:
            problem = str(error)
        else:
            message = subject.message.id
            problem = None if _tell(tx, stored, report, subject, now) else "says nothing new"
    reports.finish(tx, report_id, report.kind, message=message, problem=problem)


def _tell(tx: Transaction, stored: StoredReport, report: Report, subject: _Subject, now: float) -> bool:
    message = subject.message
    identity = parse(message.to).identity
    told = feedback(
        report, identity, message.feedback, at=stored.received_at, source=stored.source, verified=subject.verified
    )
    for one in told:
        message = messages.add_feedback(tx, message, [one])
        if found := evidence(one, message.id):
            address_states.note(tx, identity, found, now)
        messages.emit(tx, message, [EVENTS[one.action]], now)
    return bool(told)


def _subject(connection: Connection, stored: StoredReport, report: Report, mailboxes: Mailboxes) -> _Subject:
    """Return the message that a report is about, and whether the report knew its tag and its id."""
    recipients = [stored.recipient] if stored.recipient else []
    tag = mailboxes.first_tag([*recipients, *report.return_paths])
    ids = our_ids(report)
    if ids is None:
        raise _NotOurs("the mail it returns is not ours")
    if tag is None and not ids:
        raise _NotOurs("names neither a return path nor a mail of ours")
    address = by_tag(connection, tag) if tag else None
    if address is None and (tag or any(map(mailboxes.is_return_path, recipients))):
        raise _NotOurs("came to a return path that was never issued")
    if not ids:
        assert address is not None
        return _Subject(_newest(connection, address.identity, stored.received_at), verified=False)
    message = _named(connection, ids, tag, stored.received_at)
    anybody = stored.recipient is not None and mailboxes.is_sender(stored.recipient)
    return _Subject(message, verified=tag is not None and not anybody)


def _named(connection: Connection, ids: tuple[str, ...], tag: str | None, received_at: float) -> Message:
    for message_id in ids:
        message = messages.get(connection, message_id)
        if message and tag in (None, message.tag) and received_at - message.accepted_at < REPORTABLE:
            return message
    raise _NotOurs("names no mail of the last seven days, or one to another address")


def _newest(connection: Connection, identity: str, received_at: float) -> Message:
    row: Any = _NEWEST.first(connection, address=identity, since=received_at - REPORTABLE, until=received_at)
    if row is None:
        raise _NotOurs("there was no mail to this address in the last seven days")
    return messages.from_row(row)
