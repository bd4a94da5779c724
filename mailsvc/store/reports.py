"""Reports as rows: kept encrypted before anybody answers 250 or 202, read later, their bodies deleted then.

A report that cannot be read goes to the quarantine, where operators see that it is there; nobody is shown its body.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from mailsvc.domain.identifier import new_id
from mailsvc.domain.report import Kind, ReportSource, ReportState
from mailsvc.store.cipher import Cipher, CipherError
from mailsvc.store.schema import reports
from mailsvc.store.sql import Prepared, binds
from mailsvc.store.transaction import Transaction

#: The same mail to the same recipient is taken once within this time: its sender saw no 250 (seconds).
REPEATED = 86400.0
#: Readings that may fail before a report goes to the quarantine.
TRIES = 3
#: Reports in quarantine; beyond it the oldest are deleted, for anybody may send what cannot be read.
QUARANTINE_MAX = 1000

_THIS = reports.c.id == bindparam("report")
_REPEAT = Prepared(
    select(reports.c.id)
    .where(reports.c.digest == bindparam("digest"), reports.c.received_at > bindparam("since"))
    .limit(1)
)
_ADD = Prepared(insert(reports))
_NEXT = Prepared(
    select(reports.c.id, reports.c.tries, reports.c.received_at)
    .where(reports.c.state == bindparam("state"))
    .order_by(reports.c.id)
    .limit(bindparam("most"))
)
_GET = Prepared(select(reports).where(_THIS))
_ENDS = {name: f"new_{name}" for name in ("state", "raw", "problem", "kind", "message")}
_END = Prepared(update(reports).where(_THIS).values(binds(reports, _ENDS)))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """A report, without its body."""

    id: str  #: ``rep_`` and 28 letters
    received_at: float
    source: ReportSource
    recipient: str | None  #: the envelope recipient it came to; None where nobody told
    state: ReportState
    tries: int  #: readings that failed
    problem: str | None = None  #: why it cannot be read, or why it changed nothing
    kind: Kind | None = None  #: None until it is read
    message: str | None = None  #: id of the message it is about


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be read, and what cannot be."""

    pending: int
    oldest: float | None  #: when the oldest of them came in
    quarantined: int


def add(tx: Transaction, raw: bytes, recipient: str | None, source: ReportSource, now: float) -> str:
    """Keep a mail that came in; return the id of its report, the first one's where it is a repeat."""
    digest = tx.cipher.fingerprint((recipient or "").lower().encode() + b"\0" + raw)
    repeated = _REPEAT.first(tx.connection, digest=digest, since=now - REPEATED)
    if repeated:
        return str(repeated.id)
    report_id = new_id("rep", now)
    _ADD.all(
        tx.connection,
        id=report_id,
        received_at=now,
        source=source.value,
        recipient=recipient,
        digest=digest,
        raw=tx.cipher.seal_mail(raw, report_id),
        state=ReportState.PENDING.value,
        tries=0,
    )
    return report_id


def pending(connection: Connection, *, but: Collection[str], most: int) -> list[tuple[str, int]]:
    """Return id and failed readings of up to ``most`` reports that wait, the oldest first, without those in ``but``."""
    found = _NEXT.all(connection, state=ReportState.PENDING.value, most=most + len(but))
    return [(row.id, row.tries) for row in found if row.id not in but][:most]


def get(connection: Connection, report_id: str) -> StoredReport | None:
    """Return a report, None when there is none of this id."""
    row = _GET.first(connection, report=report_id)
    return None if row is None else _report(row)


def mail_of(connection: Connection, cipher: Cipher, report_id: str) -> bytes | CipherError:
    """Return the body of a report, or the error that tells why it cannot be had."""
    row = _GET.first(connection, report=report_id)
    if row is None or row.raw is None:
        return CipherError(f"the mail of {report_id} is gone")
    try:
        return cipher.open_mail(row.raw, report_id)
    except CipherError as error:
        return error


def finish(tx: Transaction, report_id: str, kind: Kind, *, message: str | None, problem: str | None) -> None:
    """Note that a report is read, and delete its body."""
    _END.all(
        tx.connection,
        report=report_id,
        new_state=ReportState.DONE.value,
        new_kind=kind.value,
        new_message=message,
        new_problem=problem,
    )


def fail(tx: Transaction, report_id: str, problem: str, *, final: bool) -> ReportState:
    """Note that a reading failed; ``final``: so would every other one."""
    report = get(tx.connection, report_id)
    if report is None or report.state is not ReportState.PENDING:
        return ReportState.DONE
    tries = report.tries + 1
    state = ReportState.QUARANTINED if final or tries >= TRIES else ReportState.PENDING
    change = update(reports).where(reports.c.id == report_id)
    tx.connection.execute(change.values(state=state.value, tries=tries, problem=problem))
    if state is ReportState.QUARANTINED:
        _bound_quarantine(tx)
    return state


def retry(tx: Transaction, report_id: str) -> StoredReport | None:
    """Have a report in quarantine read again; return it as it stands then, None when there is none of this id."""
    this = reports.c.id == report_id, reports.c.state == ReportState.QUARANTINED.value
    tx.connection.execute(update(reports).where(*this).values(state=ReportState.PENDING.value, tries=0))
    return get(tx.connection, report_id)


def page(
    connection: Connection, state: ReportState | None, *, before: str | None, limit: int
) -> tuple[Sequence[StoredReport], str | None]:
    """Return up to ``limit`` reports, newest first, and the cursor behind them, None at the end."""
    query = select(reports)
    if state is not None:
        query = query.where(reports.c.state == state.value)
    if before is not None:
        query = query.where(reports.c.id < before)
    rows = connection.execute(query.order_by(reports.c.id.desc()).limit(limit + 1)).all()
    return [_report(row) for row in rows[:limit]], rows[limit - 1].id if len(rows) > limit else None


def backlog(connection: Connection) -> Backlog:
    """Return how much waits, and how much cannot be read."""
    first = _NEXT.first(connection, state=ReportState.PENDING.value, most=1)
    return Backlog(
        pending=_count(connection, ReportState.PENDING) if first else 0,
        oldest=first.received_at if first else None,
        quarantined=_count(connection, ReportState.QUARANTINED),
    )


def pending_octets(connection: Connection) -> int:
    """Return the octets that the reports which wait take up."""
    query = select(func.sum(func.length(reports.c.raw))).where(reports.c.state == ReportState.PENDING.value)
    return int(connection.execute(query).scalar() or 0)


def _count(connection: Connection, state: ReportState) -> int:
    query = select(func.count()).select_from(reports).where(reports.c.state == state.value)
    return int(connection.execute(query).scalar_one())


def _bound_quarantine(tx: Transaction) -> None:
    quarantined = reports.c.state == ReportState.QUARANTINED.value
    newest = select(reports.c.id).where(quarantined).order_by(reports.c.id.desc())
    last = tx.connection.execute(newest.offset(QUARANTINE_MAX - 1).limit(1)).scalar()
    if last is not None:
        tx.connection.execute(delete(reports).where(quarantined, reports.c.id < last))


def _report(row: Any) -> StoredReport:
    return StoredReport(
        id=row.id,
        received_at=row.received_at,
        source=ReportSource(row.source),
        recipient=row.recipient,
        state=ReportState(row.state),
        tries=row.tries,
        problem=row.problem,
        kind=Kind(row.kind) if row.kind else None,
        message=row.message,
    )
