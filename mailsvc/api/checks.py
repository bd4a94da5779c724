"""``POST /v1/addresses/check``: can this address receive? (CONTRACT 3.4).

The address travels in the body only, and stands in no log.
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from mailsvc.api.body import BODY_PROBLEMS, read_json, validate
from mailsvc.api.caller import Checker
from mailsvc.api.check_models import CheckRequest, CheckView, DomainKind
from mailsvc.api.openapi import takes
from mailsvc.api.problems import responses
from mailsvc.api.services import services
from mailsvc.checks import wording
from mailsvc.checks.check import Checked
from mailsvc.domain.address_state import AddressState
from mailsvc.domain.check import DomainFinding
from mailsvc.domain.mail_kind import MailKind, mail_kind

#: What the outside is told of whose mailboxes a domain has; nothing of companies' own.
_KINDS: dict[MailKind, DomainKind] = {
    MailKind.DOCOMO: "carrier",
    MailKind.AU: "carrier",
    MailKind.SOFTBANK: "carrier",
    MailKind.OTHER_CARRIER: "carrier",
    MailKind.WEBMAIL: "webmail",
    MailKind.ISP: "isp",
}

router = APIRouter(prefix="/v1/addresses", tags=["checks"])


@router.post(
    "/check",
    response_model=CheckView,
    responses=responses("unauthorized", "forbidden", "request_header_too_large", *BODY_PROBLEMS, "unavailable"),
    openapi_extra=takes(CheckRequest),
)
async def check_address(request: Request, _key: Checker) -> JSONResponse:
    """Tell whether an address can receive, and what to say to who typed it; answered within 5 s whatever DNS does."""
    svc = services(request)
    asked = validate(CheckRequest, await read_json(request))
    return JSONResponse(check_view(await svc.check(asked.address), svc.sender_domain))


def check_view(checked: Checked, sender_domain: str) -> dict[str, Any]:
    """Return a check as the outside reads it."""
    reading, domain, standing = checked.reading, checked.domain, checked.standing
    name = domain.ascii if domain else ""
    return {
        "address": reading.given,
        "normalized": reading.normalized,
        "wire": reading.address.wire if reading.address else None,
        "verdict": checked.verdict,
        "reasons": [
            {
                "code": reason.code,
                "severity": reason.severity,
                "message": wording.message(reason, suggestions=checked.suggestions, domain=name),
            }
            for reason in checked.reasons
        ],
        "suggestions": list(checked.suggestions),
        "domain": _domain_view(domain) if domain else None,
        "state": standing.state if standing and standing.state is not AddressState.UNKNOWN else None,
        "advice": wording.advice(name, sender_domain) if domain else None,
    }


def _domain_view(domain: DomainFinding) -> dict[str, Any]:
    return {
        "ascii": domain.ascii,
        "kind": _KINDS.get(mail_kind(domain.ascii)),
        "mx": [{"preference": host.preference, "host": host.host} for host in domain.mx],
        "null_mx": domain.null_mx,
    }
