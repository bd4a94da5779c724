"""Where mail goes: straight to the recipient's mail exchangers, to one SMTP server, or into the capture folder.

Decides the form of a route and what encryption an unstated ``tls=`` means. Never connects.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from mailsvc.domain.secret import Secret
from mailsvc.settings.kind import Kind, WrongValueError, plain, quoted, split_url, without_user
from mailsvc.settings.network import Endpoint, is_loopback, parse_endpoint

#: Port of submission with TLS from the first byte, RFC 8314 3.3.
SUBMISSIONS_PORT = 465

_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class RouteKind(StrEnum):
    """The three ways out."""

    CAPTURE = "capture"  #: files in the data folder; nothing leaves the machine
    SMTP = "smtp"  #: one server takes all mail
    MX = "mx"  #: the mail exchangers of the recipient's domain


class RouteTls(StrEnum):
    """Encryption towards the server of an ``smtp`` route."""

    NONE = "none"  #: in clear
    STARTTLS = "starttls"  #: RFC 3207; a server that does not offer it gets no mail
    IMPLICIT = "implicit"  #: TLS from the first byte, RFC 8314 3


@dataclass(frozen=True, slots=True)
class Route:
    """One way out; host, port, user, password and tls belong to ``smtp`` only."""

    kind: RouteKind
    host: str = ""  #: name or IP address, without brackets
    port: int = 0
    user: str | None = None  #: SMTP AUTH user (RFC 4954), percent-decoded; None: no AUTH
    password: Secret | None = None  #: set where ``user`` is
    tls: RouteTls = RouteTls.NONE

    def __str__(self) -> str:
        """Show the route without user and password."""
        if self.kind is not RouteKind.SMTP:
            return self.kind.value
        return f"smtp://{Endpoint(self.host, self.port)}?tls={self.tls}"


def parse_route(text: str) -> Route:
    """Read a route; without ``tls=`` it is implicit on port 465, none on loopback, else STARTTLS."""
    if text in (RouteKind.CAPTURE, RouteKind.MX):
        return Route(RouteKind(text))
    url = split_url(text)
    userinfo, at, server = url.netloc.rpartition("@")
    if url.scheme != "smtp" or url.path not in ("", "/") or "#" in text:
        raise WrongValueError("is none of the three")
    host, port = parse_endpoint(server)
    if port == 0:
        raise WrongValueError("has no port")
    user, password = credentials(userinfo) if at else (None, None)
    tls = _tls(url.query) if "?" in text else _default_tls(host, port)
    return Route(RouteKind.SMTP, host, port, user, password, tls)


def credentials(text: str) -> tuple[str, Secret]:
    """Read the user part of a URL, ``user:password`` percent-encoded."""
    user, _, password = text.partition(":")
    if _PERCENT.search(text):
        raise WrongValueError("has a % in the user part that is not written %25")
    try:
        return plain(unquote(user, errors="strict")), Secret(plain(unquote(password, errors="strict")))
    except ValueError as error:
        raise WrongValueError("has a user part without user or password, or not in UTF-8") from error


def _tls(query: str) -> RouteTls:
    name, _, value = query.partition("=")
    if name != "tls" or value not in tuple(RouteTls):
        raise WrongValueError("has something else than tls=none, tls=starttls or tls=implicit after the ?")
    return RouteTls(value)


def _default_tls(host: str, port: int) -> RouteTls:
    if port == SUBMISSIONS_PORT:
        return RouteTls.IMPLICIT
    return RouteTls.NONE if is_loopback(host) else RouteTls.STARTTLS


ROUTE = Kind(
    "mx, capture or smtp://[user:pass@]host:port[?tls=none/starttls/implicit]",
    parse_route,
    found=lambda text: quoted(without_user(text)),
    secret=True,
)
