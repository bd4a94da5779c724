"""From a request's fields to a submission: every rule of CONTRACT 3.1 that needs no store."""

import re
from collections.abc import Iterator, Mapping

from mailsvc.api.body import instant
from mailsvc.api.models import SubmitRequest
from mailsvc.api.problems import invalid, pointer
from mailsvc.checks.address import parse_recipient
from mailsvc.domain.access import ApiKey
from mailsvc.domain.address import AddressError
from mailsvc.domain.secret import Secret
from mailsvc.domain.submission import Submission, expiry
from mailsvc.templates import Template, check_context

_CODE = re.compile(r"[0-9]{6}", re.ASCII)
#: A reissue without its challenge would leave the older code valid.
_NEEDS_CHALLENGE = "login_code_reissued"

Wrong = tuple[str, str]


def submission(request: SubmitRequest, templates: Mapping[str, Template], key: ApiKey, now: float) -> Submission:
    """Return the checked submission; raise `Problem` ``invalid_request`` that names every wrong field."""
    template = templates.get(request.template)
    if template is None:
        raise invalid([("/template", f"must be one of {', '.join(templates)}")])
    wrong = [*_wrong_code(request, template), *_wrong_challenge(request, template)]
    wrong += [("/locale", "is not a language of this template")] if request.locale not in template.locales else []
    wrong += [(pointer("context", name), what) for name, what in check_context(template, request.context)]
    try:
        address = parse_recipient(request.to)
    except AddressError as error:
        wrong.append(("/to", str(error)))
    try:
        expires_at = _expires_at(request, template, now)
    except _WrongField as error:
        wrong.append(error.wrong)
    if wrong:
        raise invalid(wrong)
    return Submission(
        api_key=key.id,
        address=address,
        template=template.name,
        is_code=template.is_code,
        locale=request.locale,
        code=Secret(request.code.get_secret_value()) if request.code else None,
        challenge=request.challenge,
        customer=request.customer,
        context=request.context,
        accepted_at=now,
        expires_at=expires_at,
        force=request.force,
    )


class _WrongField(ValueError):
    def __init__(self, pointer: str, what: str) -> None:
        super().__init__(what)
        self.wrong = (pointer, what)


def _wrong_code(request: SubmitRequest, template: Template) -> Iterator[Wrong]:
    if not template.is_code:
        if request.code is not None:
            yield "/code", "is not taken by a notice"
    elif request.code is None or not _CODE.fullmatch(request.code.get_secret_value()):
        yield "/code", "must be six digits 0-9"


def _wrong_challenge(request: SubmitRequest, template: Template) -> Iterator[Wrong]:
    if template.name == _NEEDS_CHALLENGE and request.challenge is None:
        yield "/challenge", "is required: it names the login attempt whose older codes end"


def _expires_at(request: SubmitRequest, template: Template, now: float) -> float:
    if request.expires_at is not None and request.expires_in is not None:
        raise _WrongField("/expires_in", "stands beside expires_at; give one of them")
    field, asked = "/expires_in", now + template.life
    try:
        if request.expires_in is not None:
            asked = now + request.expires_in
        elif request.expires_at is not None:
            field = "/expires_at"
            asked = instant(request.expires_at)
        return expiry(asked, is_code=template.is_code, now=now)
    except ValueError as error:
        raise _WrongField(field, str(error)) from None
