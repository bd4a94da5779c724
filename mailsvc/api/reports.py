"""``/v1/reports``: hand a bounce or another report in, see what cannot be read, have it read again (CONTRACT 3.5).

Nobody is shown the body of a report: a returned mail holds the code.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from mailsvc.api.body import BODY_PROBLEMS, read_body, read_json, validate
from mailsvc.api.caller import Operator
from mailsvc.api.models import EmptyRequest
from mailsvc.api.openapi import takes, takes_mail
from mailsvc.api.problems import Problem, invalid, responses
from mailsvc.api.queries import ReportQuery
from mailsvc.api.report_models import ReportList, ReportTaken, ReportView
from mailsvc.api.services import services
from mailsvc.domain.instant import rfc3339
from mailsvc.domain.report import ReportSource, ReportState
from mailsvc.feedback.inbox import InboxFull
from mailsvc.store import Transaction, actions, reports
from mailsvc.store.actions import Action
from mailsvc.store.reports import StoredReport

router = APIRouter(prefix="/v1/reports", tags=["reports"])
_ALWAYS = ("unauthorized", "forbidden", "request_header_too_large")
#: Octets of a report at most (CONTRACT 3).
LIMIT = 1024 * 1024
MAIL = "message/rfc822"
#: Names the envelope recipient of a report; an address never stands in a URL.
RECIPIENT = "Envelope-Recipient"
RECIPIENT_MAX = 320  # characters, RFC 3696 erratum 1690 before its correction: longer is no address anywhere


@router.post(
    "",
    status_code=202,
    response_model=ReportTaken,
    responses=responses(*_ALWAYS, *BODY_PROBLEMS, "unavailable"),
    openapi_extra=takes_mail(MAIL, RECIPIENT),
)
async def take_report(request: Request, _key: Operator) -> JSONResponse:
    """Take one raw bounce or other report: it is durable when this answers, and is read soon after.

    `Envelope-Recipient` is the address that it came to; without it that is read from the report's headers. The same
    report to the same recipient within a day is taken once, and answered with the id of the first.
    """
    svc = services(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MAIL:
        raise Problem("unsupported_media_type", f"send the report as it is, as {MAIL}")
    recipient = _recipient(request.headers.get(RECIPIENT))
    raw = await read_body(request, LIMIT)
    if not raw.strip():
        raise Problem("malformed", "the body is empty, where a mail was expected")
    try:
        taken = await svc.inbox.take(raw, recipient, ReportSource.HTTP)
    except InboxFull:
        detail = "more reports wait to be read than may; this one was not taken"
        raise Problem("unavailable", detail, headers={"Retry-After": "60"}) from None
    return JSONResponse({"id": taken}, 202)


@router.get("", response_model=ReportList, responses=responses(*_ALWAYS, "invalid_request"))
async def list_reports(request: Request, _key: Operator, query: Annotated[ReportQuery, Query()]) -> JSONResponse:
    """List reports without their bodies, newest first; those in `quarantined` could not be read."""
    state = _state(query.state)
    found, cursor = await services(request).store.read(
        lambda connection: reports.page(connection, state, before=query.cursor, limit=query.limit)
    )
    return JSONResponse({"reports": list(map(report_view, found)), "next": cursor})


@router.post(
    "/{report_id}/retry",
    response_model=ReportView,
    responses=responses(*_ALWAYS, *BODY_PROBLEMS, "not_found", "unavailable"),
    openapi_extra=takes(EmptyRequest, required=False),
)
async def retry_report(request: Request, key: Operator, report_id: str) -> JSONResponse:
    """Have a report in quarantine read again; one that is read already, or waits to be, stays as it is."""
    svc = services(request)
    validate(EmptyRequest, await read_json(request, optional=True))
    now = svc.clock.now()

    def again(tx: Transaction) -> StoredReport | None:
        report = reports.retry(tx, report_id)
        if report is not None:
            actions.record(tx, key, Action.RETRY_REPORT, now, subject=report.id)
        return report

    report = await svc.store.write(again)
    if report is None:
        raise Problem("not_found", "there is no report of this id")
    svc.inbox.bell.set()
    return JSONResponse(report_view(report))


def report_view(report: StoredReport) -> dict[str, Any]:
    """Return a report as operators read it; its recipient is masked, for a return path is a secret of its address."""
    local, at, domain = (report.recipient or "").rpartition("@")
    return {
        "id": report.id,
        "received_at": rfc3339(report.received_at),
        "source": report.source.value,
        "recipient": f"{local[:1]}***{at}{domain}" if report.recipient else None,
        "state": report.state.value,
        "tries": report.tries,
        "problem": report.problem,
        "kind": report.kind.value if report.kind else None,
        "message": report.message,
    }


def _recipient(text: str | None) -> str | None:
    if text is None:
        return None
    if len(text) > RECIPIENT_MAX or not text.isascii() or not text.isprintable() or " " in text or not text:
        raise invalid([(RECIPIENT, "is no mail address")])
    return text


def _state(name: str | None) -> ReportState | None:
    if name is not None and name not in list(ReportState):
        raise invalid([("state", f"must be among {', '.join(ReportState)}")])
    return None if name is None else ReportState(name)
