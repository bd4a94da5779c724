"""Who may see and do what: signing in with an API key, the session's cookie, the token of forms, the two roles.

A key with scope ``operate`` makes an operator, one with ``read`` a reader, who changes nothing. A form without the
token of its session, or from another site, is refused with 403 and has no effect.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from urllib.parse import parse_qsl

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailsvc.console.page import LANGUAGE_COOKIE, ROOT, Visit, to
from mailsvc.console.text import LANGUAGES
from mailsvc.domain.access import Scope
from mailsvc.store import StoreUnavailable, Transaction, actions, keys, sessions
from mailsvc.store.actions import Action

#: Octets of a form at most.
FORM_LIMIT = 16 * 1024
_FORM = "application/x-www-form-urlencoded"

Handler = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]

log = structlog.get_logger(__name__)


def seen(handler: Handler) -> Endpoint:
    """Let whoever is signed in see a page; others are led to sign in."""

    async def answer(request: Request) -> Response:
        visit = await _visit(request)
        if visit.operator is None:
            return to(f"{ROOT}/sign-in")
        return await handler(visit)

    return _guarded(answer)


def asked(handler: Handler) -> Endpoint:
    """Take a form that changes nothing from whoever is signed in."""

    async def answer(request: Request) -> Response:
        visit = await _visit(request, await _form(request))
        token = visit.form.get("token", "")
        if visit.operator is None or not hmac.compare_digest(visit.token.encode(), token.encode()):
            raise HTTPException(403)
        return await handler(visit)

    return _guarded(answer)


def done(handler: Handler) -> Endpoint:
    """Take a form that changes something from an operator."""

    async def allowed(visit: Visit) -> Response:
        if not visit.may_act:
            raise HTTPException(403)
        return await handler(visit)

    return asked(allowed)


def anybody(handler: Handler) -> Endpoint:
    """Show a page to anybody, or take a form from anybody who does not come from another site."""

    async def answer(request: Request) -> Response:
        return await handler(await _visit(request, await _form(request) if request.method == "POST" else None))

    return _guarded(answer)


async def sign_in(visit: Visit) -> Response:
    """Begin a session for a key that may."""
    secret = visit.form.get("key", "").strip()

    def begin(tx: Transaction) -> str | None:
        key = keys.find(tx.connection, secret)
        if key is None or key.scopes.isdisjoint((Scope.OPERATE, Scope.READ)):
            return None
        actions.record(tx, key, Action.SIGN_IN, visit.now)
        return sessions.begin(tx, key, visit.now)

    session = await visit.services.store.write(begin) if secret else None
    if session is None:
        log.warning("console.sign_in_refused")
        return visit.render("sign_in", 403, refused=True)
    answer = to(ROOT)
    secure = visit.services.secure
    answer.set_cookie(_cookie(secure=secure), session, secure=secure, httponly=True, samesite="strict")
    return answer


async def sign_out(visit: Visit) -> Response:
    """End the session."""
    name = _cookie(secure=visit.services.secure)
    operator = visit.operator
    assert operator is not None

    def end(tx: Transaction) -> None:
        sessions.end(tx, visit.request.cookies[name])
        actions.record(tx, operator, Action.SIGN_OUT, visit.now)

    await visit.services.store.write(end)
    answer = to(f"{ROOT}/sign-in")
    answer.delete_cookie(name, secure=visit.services.secure, httponly=True, samesite="strict")
    return answer


async def choose_language(visit: Visit) -> Response:
    """Keep the language that the visitor wants."""
    chosen = visit.form.get("language", "")
    back = visit.form.get("back", "")
    # Only a path of ours: whoever made the form does not say where the browser goes.
    answer = to(back if back == ROOT or back.startswith(f"{ROOT}/") else ROOT)
    if chosen in LANGUAGES:
        answer.set_cookie(
            LANGUAGE_COOKIE,
            chosen,
            max_age=365 * 86400,
            path=ROOT,
            secure=visit.services.secure,
            httponly=True,
            samesite="strict",
        )
    return answer


async def _visit(request: Request, form: Mapping[str, str] | None = None) -> Visit:
    visit = Visit.of(request, form=form or {})
    secret = request.cookies.get(_cookie(secure=visit.services.secure))
    if not secret:
        return visit
    operator = await visit.services.store.read(lambda connection: sessions.holder(connection, secret, visit.now))
    token = hmac.new(secret.encode(), b"form", sha256).hexdigest()
    return Visit.of(request, form=form or {}, operator=operator, token=token if operator else "")


def _cookie(*, secure: bool) -> str:
    """Return the name of the session's cookie; the prefix makes browsers refuse it from anywhere but this host."""
    return "__Host-mailsvc_session" if secure else "mailsvc_session"


async def _form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form; browsers tell where it comes from, whatever a proxy made of our name."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise HTTPException(403)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise HTTPException(415)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > FORM_LIMIT:
            raise HTTPException(413)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError:
        raise HTTPException(400) from None


def _guarded(answer: Endpoint) -> Endpoint:
    """Have every failure end in a page; a traceback could show a caller's values, so the log gets type and place."""

    async def endpoint(request: Request) -> Response:
        try:
            return await answer(request)
        except HTTPException as error:
            return failure(request, error.status_code)
        except StoreUnavailable:
            return failure(request, 503)
        except Exception as error:  # noqa: BLE001  anything else is a fault of ours
            frame = error.__traceback__
            while frame and frame.tb_next:
                frame = frame.tb_next
            place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else ""
            log.error("console.failed", path=request.url.path, error=type(error).__name__, place=place)  # noqa: TRY400
            return failure(request, 500)

    return endpoint


def failure(request: Request, status: int) -> Response:
    """Return the page of a failure."""
    visit = Visit.of(request)
    name = str(status) if f"error.{status}.title" in _KNOWN else "500"
    return visit.render("error", status, name=name)


_KNOWN = frozenset(f"error.{status}.title" for status in (400, 403, 404, 405, 413, 415, 500, 503))
