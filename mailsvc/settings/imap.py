"""The mailbox elsewhere that reports are fetched from: ``MAILSVC_IMAP``.

Decides its form, and that a password goes in clear to this machine only. Never connects.
"""

from dataclasses import dataclass
from urllib.parse import unquote

from mailsvc.domain.secret import Secret
from mailsvc.settings.kind import Kind, WrongValueError, quoted, split_url, without_user
from mailsvc.settings.network import Endpoint, is_loopback, parse_host
from mailsvc.settings.route import RouteTls, credentials

#: Port by scheme, RFC 8314 3.2.
_PORTS = {"imap": 143, "imaps": 993}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapMailbox:
    """Where it is, and who may open it."""

    host: str  #: name or IP address, without brackets
    port: int
    user: str  #: percent-decoded, as is the password; both in ASCII
    password: Secret
    mailbox: str  #: its name, percent-decoded, in ASCII
    tls: RouteTls  #: none on loopback only

    def __str__(self) -> str:
        """Show the mailbox without user and password."""
        scheme = "imaps" if self.tls is RouteTls.IMPLICIT else "imap"
        return f"{scheme}://{Endpoint(self.host, self.port)}/{self.mailbox}"


def parse_imap(text: str) -> ImapMailbox:
    """Read the URL; ``imap`` means STARTTLS, on loopback in clear."""
    url = split_url(text)
    if url.scheme not in _PORTS or "?" in text or "#" in text:
        raise WrongValueError("is neither imap:// nor imaps://, or has a ? or a #")
    host = parse_host(url.hostname or "")
    if url.port == 0:
        raise WrongValueError("has port 0")
    userinfo, at, _ = url.netloc.rpartition("@")
    if not at:
        raise WrongValueError("has no user and password")
    user, password = credentials(userinfo)
    mailbox = unquote(url.path[1:], errors="strict")
    if not mailbox:
        raise WrongValueError("names no mailbox")
    for part in (user, password.reveal(), mailbox):
        if not (part.isascii() and part.isprintable()):
            raise WrongValueError("has a user, password or mailbox that is not printable ASCII")
    return ImapMailbox(
        host=host,
        port=url.port or _PORTS[url.scheme],
        user=user,
        password=password,
        mailbox=mailbox,
        tls=_tls(url.scheme, host),
    )


def _tls(scheme: str, host: str) -> RouteTls:
    if scheme == "imaps":
        return RouteTls.IMPLICIT
    return RouteTls.NONE if is_loopback(host) else RouteTls.STARTTLS


IMAP = Kind(
    "imaps://user:password@host[:port]/Mailbox, or imap:// for STARTTLS",
    parse_imap,
    found=lambda text: quoted(without_user(text)),
    secret=True,
)
