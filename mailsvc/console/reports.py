"""Reports: what came back, what cannot be read, and to have it read again; no page ever shows a body."""

from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailsvc.console.page import ROOT, Visit, to
from mailsvc.domain.report import ReportState
from mailsvc.store import Connection, Transaction, actions, reports
from mailsvc.store.actions import Action

SHOWN = 50


async def listing(visit: Visit) -> Response:
    """Show the reports, newest first."""
    chosen = visit.query("state", tuple(ReportState))
    state = ReportState(chosen) if chosen else None

    def look(connection: Connection) -> dict[str, Any]:
        found, more = reports.page(connection, state, before=visit.query("before"), limit=SHOWN)
        return {"found": found, "more": more, "backlog": reports.backlog(connection)}

    return visit.render("reports", state=state, states=tuple(ReportState), **await visit.services.store.read(look))


async def retry(visit: Visit) -> Response:
    """Have a report in quarantine read again."""
    await visit.services.store.write(partial(_retry, visit=visit, report_id=visit.form.get("report", "")))
    visit.services.read_reports()
    return to(f"{ROOT}/reports", notice="retried")


def _retry(tx: Transaction, visit: Visit, report_id: str) -> None:
    assert visit.operator is not None
    if reports.retry(tx, report_id) is None:
        raise HTTPException(404)
    actions.record(tx, visit.operator, Action.RETRY_REPORT, visit.now, subject=report_id)
