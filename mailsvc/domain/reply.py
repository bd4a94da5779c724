"""An SMTP reply and the stage it came in (RFC 5321 4.2, RFC 3463)."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """The steps of an attempt, in their order."""

    DNS = "dns"
    CONNECT = "connect"
    BANNER = "banner"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"


_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:[ \t]+|$)", re.ASCII)
#: Stored and shown reply text is cut to this many characters.
TEXT_MAX = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete reply of a server."""

    code: int  #: three-digit reply code, RFC 5321 4.2.1
    lines: tuple[str, ...]  #: the texts after code and separator, control characters already replaced

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code (RFC 3463) of the first line that has one of the same class, else None."""
        for line in self.lines:
            match = _ENHANCED.match(line)
            if match and match[1][0] == str(self.code)[0]:
                return match[1]
        return None

    @property
    def text(self) -> str:
        """Code and text in one line, cut to ``TEXT_MAX`` characters, as shown to people and stored."""
        return f"{self.code} {' '.join(self.lines)}".rstrip()[:TEXT_MAX]

    @property
    def positive(self) -> bool:
        """2yz or 3yz: the command may go on."""
        return 200 <= self.code < 400  # noqa: PLR2004  RFC 5321 4.2.1

    @property
    def transient(self) -> bool:
        """4yz: the same may succeed later."""
        return 400 <= self.code < 500  # noqa: PLR2004  RFC 5321 4.2.1

    @property
    def permanent(self) -> bool:
        """5yz: the same will not succeed."""
        return 500 <= self.code < 600  # noqa: PLR2004  RFC 5321 4.2.1
