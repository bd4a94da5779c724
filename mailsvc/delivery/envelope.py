"""One mail on its way: who it goes from and to, its bytes, and the command lines they make.

Decides which parameters MAIL and RCPT carry for a server's capabilities. Never changes a path or the mail: what
cannot travel exactly as it stands is refused with ``ValueError`` when the envelope is made, and never quoted in it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

ENVID_MAX = 100  # characters, RFC 3461 4.4
BY_MAX = 999_999_999  # seconds, RFC 2852 4

_PATH = re.compile(r"[!-;=?-~]+")  # visible ASCII without angle brackets
_ENVID = re.compile(rf"[!-~]{{1,{ENVID_MAX}}}")
_NOT_XCHAR = re.compile(r"[^!-*,-<>-~]")  # RFC 3461 4: all but visible ASCII, "+" and "="


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A mail to one recipient."""

    reverse_path: str  #: envelope sender without angle brackets; empty: the null reverse-path
    forward_path: str  #: the recipient in its exact wire form, without angle brackets
    data: bytes  #: the whole mail, not dot-stuffed; every line ends with CR LF
    envid: str | None = None  #: ENVID=, where DSN is offered (RFC 3461 4.4)
    notify: str = "FAILURE,DELAY"  #: NOTIFY=, where DSN is offered (RFC 3461 4.1)
    ret: str = "HDRS"  #: RET=, where DSN is offered (RFC 3461 4.3)
    #: seconds left when it was made; BY=, where DELIVERBY is offered and allows it (RFC 2852)
    deliver_by: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot travel as it stands."""
        if self.reverse_path and not _PATH.fullmatch(self.reverse_path):
            raise ValueError("the reverse-path has a blank, an angle bracket, a control or a non-ASCII character")
        if not _PATH.fullmatch(self.forward_path):
            raise ValueError("the forward-path is empty or has a blank, angle bracket, control or non-ASCII character")
        if self.envid is not None and not _ENVID.fullmatch(self.envid):
            raise ValueError(f"the ENVID is not 1 to {ENVID_MAX} visible ASCII characters")
        data = self.data
        if not data.endswith(b"\r\n") or not data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r"):
            raise ValueError("the mail has a CR or LF that is not part of a CR LF, or does not end with one")

    @property
    def dotted(self) -> bytes:
        """The mail as written after DATA: dot-stuffed, with the final dot (RFC 5321 4.5.2)."""
        stuffed = self.data.replace(b"\r\n.", b"\r\n..") + b".\r\n"
        return b"." + stuffed if self.data.startswith(b".") else stuffed

    def with_life(self, seconds: float) -> Self:
        """Return it with the time that is left now: it may have waited for a session since it was made."""
        return self if self.deliver_by is None else replace(self, deliver_by=seconds)

    def mail(self, capabilities: Mapping[str, str]) -> str:
        """Return the MAIL command with the parameters the server knows."""
        line = f"MAIL FROM:<{self.reverse_path}>"
        if "SIZE" in capabilities:
            line += f" SIZE={len(self.data)}"  # RFC 1870 5: before dot-stuffing
        if "8BITMIME" in capabilities and not self.data.isascii():
            line += " BODY=8BITMIME"
        if "DSN" in capabilities:
            line += f" RET={self.ret}"
            line += f" ENVID={_xtext(self.envid)}" if self.envid else ""
        if "DELIVERBY" in capabilities and self.deliver_by is not None:
            line += _by(self.deliver_by, capabilities["DELIVERBY"])
        return line

    def rcpt(self, capabilities: Mapping[str, str]) -> str:
        """Return the RCPT command with the parameters the server knows."""
        line = f"RCPT TO:<{self.forward_path}>"
        if "DSN" in capabilities:
            line += f" NOTIFY={self.notify} ORCPT=rfc822;{_xtext(self.forward_path)}"
        return line


def _by(seconds: float, shortest: str) -> str:
    """Return ``BY=`` in return mode, nothing where the server takes no time this short (RFC 2852 3, 4)."""
    by = min(int(seconds), BY_MAX)
    return f" BY={by};R" if by >= max(1, int(shortest) if shortest.isdecimal() else 0) else ""


def _xtext(text: str) -> str:
    return _NOT_XCHAR.sub(lambda match: f"+{ord(match[0]):02X}", text)
