"""The mail's bytes: RFC 5322 fields, RFC 2047 words, base64 parts.

Fields that are the same in every mail of a template are encoded once, in a ``Skeleton``. The address is written
exactly as the message has it, never parsed or rewritten. Decides nothing and fails on nothing: what it is given was
checked before (brand.py, domain/address.py), and the result is checked after (finished.py).
"""

from binascii import b2a_base64
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, quote
from functools import lru_cache

from mailsvc.domain.message import Message
from mailsvc.templates.layout import JST

#: Octets of text in one encoded word: with "Subject: " it makes a line of 73 columns (RFC 2047 2 allows 76).
_WORD_OCTETS = 39
#: Longest line of a field with an encoded word, of plain fields by choice the same (RFC 2047 2).
_LINE = 76

# "=_" cannot stand in base64, so no part can hold the boundary (RFC 2045 6.7).
_BOUNDARY = b"=_alternative"
_TEXT_HEAD = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
_HTML_HEAD = _TEXT_HEAD.replace(b"plain", b"html")


@dataclass(frozen=True, slots=True)
class Mail:
    """A composed, unsigned mail."""

    headers: tuple[tuple[str, bytes], ...]  #: name and folded value of each field in order, without the last CR LF
    body: bytes  #: ASCII lines of at most 76 octets, each ended by CR LF

    @property
    def raw(self) -> bytes:
        """The whole mail: fields, blank line, body."""
        fields = b"".join([b"%b: %b\r\n" % (name.encode(), value) for name, value in self.headers])
        return fields + b"\r\n" + self.body


class Skeleton:
    """What is the same in every mail of one template, language and sender."""

    def __init__(self, *, sender: str, sender_name: str, subject: str, locale: str, alternative: bool) -> None:
        self._from = ("From", _mailbox(sender_name, sender))
        self._subject = ("Subject", _unstructured(subject))
        self._domain = sender.rpartition("@")[2]
        kind = b'multipart/alternative; boundary="%b"' % _BOUNDARY if alternative else b"text/plain; charset=utf-8"
        self._fixed = (
            ("Auto-Submitted", b"auto-generated"),  # RFC 3834 5
            ("MIME-Version", b"1.0"),
            ("Content-Type", kind),
            ("Content-Transfer-Encoding", b"7bit" if alternative else b"base64"),
            ("Content-Language", locale.encode()),  # RFC 3282
        )

    def fill(self, message: Message, text: bytes, html: bytes | None) -> Mail:
        """Put one message's fields and parts (UTF-8, CR LF) in their places."""
        return Mail(
            (
                self._from,
                ("To", message.to.encode("ascii")),
                self._subject,
                ("Date", _date(int(message.accepted_at))),
                ("Message-ID", f"<{message.id}@{self._domain}>".encode()),
                *self._fixed,
            ),
            _base64(text) if html is None else _alternative(text, html),
        )


@lru_cache(maxsize=256)  # many mails are taken in within one second
def _date(second: int) -> bytes:
    return format_datetime(datetime.fromtimestamp(second, JST)).encode()


def _mailbox(name: str, address: str) -> bytes:
    phrase = f'"{quote(name)}"'.encode() if name.isascii() else _words(name)
    gap = b" " if len(b"From: ") + len(phrase) + len(address) + 3 <= _LINE and b"\r\n" not in phrase else b"\r\n "
    return b"%b%b<%b>" % (phrase, gap, address.encode())


def _unstructured(text: str) -> bytes:
    plain = text.isascii() and len("Subject: ") + len(text) <= _LINE
    return text.encode() if plain else _words(text)


def _words(text: str) -> bytes:
    """Encode as words that each decode alone, one a line (RFC 2047 5: no character is split)."""
    words = [b""]
    for octets in map(str.encode, text):
        if len(words[-1]) + len(octets) > _WORD_OCTETS:
            words.append(b"")
        words[-1] += octets
    return b"\r\n ".join([b"=?utf-8?b?%b?=" % b2a_base64(word, newline=False) for word in words])


def _base64(part: bytes) -> bytes:
    encoded = b2a_base64(part, newline=False)
    lines = [encoded[start : start + 76] for start in range(0, len(encoded), 76)]  # RFC 2045 6.8
    return b"\r\n".join(lines) + b"\r\n"


def _alternative(text: bytes, html: bytes) -> bytes:
    """Join both forms, the richer one last (RFC 2046 5.1.4)."""
    parts = (_TEXT_HEAD + _base64(text), _HTML_HEAD + _base64(html))
    return b"".join([b"--%b\r\n%b" % (_BOUNDARY, part) for part in parts]) + b"--%b--\r\n" % _BOUNDARY
