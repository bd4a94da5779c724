"""A mail taken apart within hard limits: its parts, their header fields and their text.

Made for mail of strangers: one pass over the lines of each level, no recursion without a bound, nothing decoded that
nobody asks for. Broken MIME is read as far as it can be; what is larger than a report ever is is refused.
Raises `ReportRefused` and nothing else.
"""

import base64
import binascii
import quopri
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from functools import cached_property

#: Octets of a mail, of one header section; fields of a section, parts of a mail, levels of parts.
SIZE_MAX = 1024 * 1024
HEAD_MAX = 64 * 1024
FIELDS_MAX = 1_000
PARTS_MAX = 50
DEPTH_MAX = 10
#: Characters of a part's text that are read: what a report says stands in front.
TEXT_MAX = 64 * 1024
#: Octets of a field's body that are decoded (RFC 2047).
FIELD_MAX = 2_000

_FIELD = re.compile(rb"([!-9;-~]{1,80})[ \t]*:(.*)", re.DOTALL)
_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"\n]{1,200})"|([^\s";]{1,200}))', re.IGNORECASE)
_CHARSET = re.compile(r'charset\s*=\s*"?([\w.:-]{1,40})', re.IGNORECASE)
_TYPE = re.compile(r"\s*([\w.+-]{1,60}/[\w.+-]{1,60})")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_GUESSES = ("utf-8", "euc_jp", "cp932")


class ReportRefused(Exception):
    """The mail is more than a report can be; the message says in what."""


@dataclass(frozen=True)
class Part:
    """A mail, or a part of one."""

    fields: Sequence[tuple[str, str]]  #: names in lower case and unfolded bodies, in their order
    body: bytes  #: as it came, lines end with LF
    parts: Sequence["Part"] = ()

    def all(self, name: str) -> list[str]:
        """Return the bodies of every field of a name (lower case)."""
        return [value for field, value in self.fields if field == name]

    def get(self, name: str) -> str:
        """Return the first body of a field, decoded (RFC 2047); empty where there is none."""
        return next((words(value) for field, value in self.fields if field == name), "")

    @cached_property
    def type(self) -> str:
        """The media type in lower case; ``text/plain`` where none is told (RFC 2045 5.2)."""
        match = _TYPE.match(self.get("content-type"))
        return match[1].lower() if match else "text/plain"

    @cached_property
    def octets(self) -> bytes:
        """The body without its transfer encoding (RFC 2045 6)."""
        encoding = self.get("content-transfer-encoding").strip().lower()
        if encoding == "base64":
            try:
                letters = re.sub(rb"[^A-Za-z0-9+/]", b"", self.body)
                return base64.b64decode(letters[: len(letters) // 4 * 4]).replace(b"\r\n", b"\n")
            except (ValueError, binascii.Error):
                return self.body
        if encoding == "quoted-printable":
            return quopri.decodestring(self.body).replace(b"\r\n", b"\n")
        return self.body

    @cached_property
    def text(self) -> str:
        """The text of the body, control characters made blanks; at most ``TEXT_MAX`` characters."""
        charset = _CHARSET.search(self.get("content-type"))
        return clean(decoded(self.octets[: 2 * TEXT_MAX], charset[1] if charset else ""))[:TEXT_MAX]

    def walk(self) -> Iterator["Part"]:
        """Return this part and all below it, in their order."""
        yield self
        for part in self.parts:
            yield from part.walk()


def take_apart(raw: bytes) -> Part:
    """Return a mail in its parts; raise `ReportRefused` where it is too large, too deep or has too many parts."""
    if len(raw) > SIZE_MAX:
        raise ReportRefused(f"it is larger than {SIZE_MAX} octets")
    data = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")
    if data.startswith((b"From ", b">From ")):  # of an mbox file
        data = data.partition(b"\n")[2]
    return _part(data, 0, [0])


def head_of(data: bytes) -> Part:
    """Return a header section that stands alone, as in a returned ``text/rfc822-headers``."""
    lines = data[:HEAD_MAX].replace(b"\r\n", b"\n").lstrip(b"\n").split(b"\n", FIELDS_MAX)
    fields, _ = _split(b"\n".join(lines[:FIELDS_MAX]))
    return Part(fields, b"")


def clean(text: str) -> str:
    """Return text without control and direction characters; line ends and tabs stay."""
    return _CONTROLS.sub(" ", text)


def words(value: str) -> str:
    """Return a field's body with its encoded words read (RFC 2047)."""
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value[:FIELD_MAX])
    except (HeaderParseError, ValueError):
        return value
    return clean("".join(decoded(piece, name or "") if isinstance(piece, bytes) else piece for piece, name in pieces))


def decoded(data: bytes, charset: str) -> str:
    """Return text by the charset that is told, or by the one that fits: old carriers tell none, or a wrong one."""
    if b"\x1b$" in data or b"\x1b(" in data:
        return data.decode("iso2022_jp_ext", "replace")
    told = charset.lower().replace("iso-2022-jp", "utf-8")  # it has no escape sequence: it is none
    for name in (told, *_GUESSES):
        try:
            text = data.decode(name or "ascii")
        except (UnicodeDecodeError, LookupError, ValueError):
            continue
        if not (name == told and told.startswith(("iso-8859", "us-ascii", "windows-125")) and _japanese(data)):
            return text
    return data.decode("latin-1")


def _japanese(data: bytes) -> bool:
    """Whether octets called Latin are Japanese: nothing else is half made of kana rows."""
    high = sum(octet > 0x7F for octet in data)  # noqa: PLR2004  beyond ASCII
    kana = len(re.findall(rb"[\xa4\xa5][\xa1-\xf6]|[\x82\x83][\x40-\xf1]", data))
    return high > 8 and kana * 6 > high  # noqa: PLR2004  a few accents prove nothing


def _part(data: bytes, depth: int, count: list[int]) -> Part:
    count[0] += 1
    if count[0] > PARTS_MAX:
        raise ReportRefused(f"it has more than {PARTS_MAX} parts")
    if depth > DEPTH_MAX:
        raise ReportRefused(f"it has parts in more than {DEPTH_MAX} levels")
    fields, body = _split(data)
    part = Part(fields, body)
    boundary = _BOUNDARY.search(next((value for name, value in fields if name == "content-type"), ""))
    if boundary and part.type.startswith("multipart/"):
        pieces = _pieces(body, (boundary[1] or boundary[2]).strip().encode("utf-8", "replace"))
        return Part(fields, body, tuple(_part(piece, depth + 1, count) for piece in pieces))
    if part.type in ("message/rfc822", "message/global") and depth:
        return Part(fields, body, (_part(part.octets.lstrip(b"\n"), depth + 1, count),))
    return part


def _split(data: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """Return the fields of a header section and what follows its empty line."""
    end = data.find(b"\n\n")
    head, body = (data, b"") if end < 0 else (data[:end], data[end + 2 :])
    if data.startswith(b"\n"):
        head, body = b"", data[1:]
    if len(head) > HEAD_MAX:
        if end >= 0 and _FIELD.match(head):
            raise ReportRefused(f"it has a header section of more than {HEAD_MAX} octets")
        head, body = b"", data
    fields: list[tuple[str, str]] = []
    for line in head.split(b"\n"):
        match = _FIELD.match(line)
        unfolded = not match and fields and fields[-1][1].endswith(";")  # folded without the blank: seen in old mailers
        if fields and (line[:1] in (b" ", b"\t") or unfolded):
            pending = fields[-1]
            fields[-1] = (pending[0], f"{pending[1]} {_latin(line).strip()}"[: 4 * FIELD_MAX])
        elif match:
            fields.append((match[1].decode("ascii").lower(), _latin(match[2]).strip()))
        if len(fields) > FIELDS_MAX:
            raise ReportRefused(f"it has more than {FIELDS_MAX} header fields in a section")
    if not fields and head:
        return [], data  # no header section: text from the first line on
    return fields, body


def _latin(line: bytes) -> str:
    return clean(decoded(line, ""))


def _pieces(body: bytes, boundary: bytes) -> list[bytes]:
    """Return what stands between the boundary lines (RFC 2046 5.1.1); a missing last one is made good.

    Parts behind the last line are read as well: some systems write two reports one after the other.
    """
    pieces: list[list[bytes]] = []
    inside = False
    for line in body.split(b"\n"):
        stripped = line.rstrip()
        if stripped in (b"--" + boundary, b"--" + boundary + b"--"):
            inside = stripped == b"--" + boundary
            pieces += [[]] if inside else []
        elif inside:
            pieces[-1].append(line)
        if len(pieces) > PARTS_MAX:
            raise ReportRefused(f"it has more than {PARTS_MAX} parts")
    return [b"\n".join(piece) for piece in pieces]


def plain(text: str) -> str:
    """Return text in one width of letters on one line (NFKC)."""
    return " ".join(unicodedata.normalize("NFKC", text).split())
