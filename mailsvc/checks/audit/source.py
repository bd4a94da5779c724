"""The list that is audited: a CSV file with a header, looked through once before anything is asked or written.

Decides encoding, delimiter and the column of the addresses, and finds every fault of the form: a list is audited whole
or not at all. Keeps no row. Faults are a `ListError` that names the line and repeats nothing of it.
"""

import csv
import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import islice
from pathlib import Path

from mailsvc.checks.audit.encodings import Encoding, ListError, encoding_of

#: Names of the column of the addresses where none is given; ``address`` before the others (CONTRACT 1).
COLUMN = "address"
COLUMNS = ("email", "e-mail", "mail", "email_address", "mail_address", "メールアドレス", "eメール", "eメールアドレス")
#: What is added behind the columns of the list.
ADDED = ("verdict", "reasons", "suggestion", "wire")
_DELIMITERS = ",\t;"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a list is to be read, where that shall not be found out."""

    encoding: str | None = None  #: one of `encodings.NAMES`
    column: str | None = None  #: name in the header, or number from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A list that can be read."""

    file: Path
    encoding: Encoding
    delimiter: str
    newline: str  #: ``\\n`` or ``\\r\\n``, as behind the header
    header: tuple[str, ...] = field(repr=False)
    column: int  #: from 0
    rows: int  #: without the header
    digest: str  #: SHA-256 of the file

    def read(self, skip: int = 0) -> Iterator[list[str]]:
        """Yield the rows behind the header, without the first ``skip``."""
        return islice(_rows(self.file, self.encoding, self.delimiter), 1 + skip, None)

    @property
    def changed(self) -> bool:
        """Whether it is another list now."""
        return _digest(self.file) != self.digest


def survey(file: Path, form: Form) -> Source:
    """Look through a list; raise `ListError`, or `OSError` where there is no such file."""
    digest = _digest(file)
    encoding = encoding_of(file, form.encoding)
    delimiter, header, column = _layout(file, encoding, form.column)
    _check_header(header)
    return Source(
        file=file,
        encoding=encoding,
        delimiter=delimiter,
        newline=_newline(file, encoding),
        header=tuple(header),
        column=column,
        rows=sum(1 for _ in _rows(file, encoding, delimiter)) - 1,
        digest=digest,
    )


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _rows(file: Path, encoding: Encoding, delimiter: str, *, strict: bool = True) -> Iterator[list[str]]:
    with _opened(file, encoding) as text:
        reader = csv.reader(text, delimiter=delimiter, strict=strict)
        try:
            yield from reader
        except csv.Error as error:
            raise ListError(f"line {reader.line_num} is no CSV: {error}") from None
        except UnicodeDecodeError:
            raise ListError(f"is not {encoding} behind line {reader.line_num}") from None


def _layout(file: Path, encoding: Encoding, name: str | None) -> tuple[str, list[str], int]:
    """Return the delimiter under which the header has the column, the header, and the column's place in it."""
    headers = {delimiter: next(_rows(file, encoding, delimiter, strict=False), []) for delimiter in _DELIMITERS}
    for delimiter, header in headers.items():
        if (column := _place(header, name)) is not None:
            return delimiter, header, column
    if not any(headers.values()):
        raise ListError("is empty; expected a header with the column address")
    if name is not None:
        raise ListError("has no column of the name or number that --column gives")
    raise ListError(f"has no column {COLUMN} (or {', '.join(COLUMNS)}) in its first line; name one with --column")


def _place(header: Sequence[str], name: str | None) -> int | None:
    names = [_folded(cell) for cell in header]
    wanted = {_folded(name)} if name else {COLUMN} if COLUMN in names else set(COLUMNS)
    found = [place for place, cell in enumerate(names) if cell in wanted]
    if len(found) > 1:
        raise ListError("has several columns for the addresses; give the number of one, from 1, with --column")
    if found:
        return found[0]
    numbered = int(name) - 1 if name and name.isascii() and name.isdigit() else -1
    return numbered if 0 <= numbered < len(header) else None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().lower()


def _check_header(header: Sequence[str]) -> None:
    """Refuse a list that was audited, whose cells are ours, and one whose columns cannot be told from ours."""
    there = [name for name in ADDED if name in map(_folded, header)]
    if there:
        raise ListError(
            f"has a column {there[0]} already; audit the list from which it was made, or give that column another name"
        )


def _newline(file: Path, encoding: Encoding) -> str:
    with _opened(file, encoding) as text:
        return "\r\n" if text.readline().endswith("\r\n") else "\n"


def _opened(file: Path, encoding: Encoding) -> TextIOWrapper:
    opened = file.open("rb")
    opened.seek(len(encoding.mark))
    return TextIOWrapper(opened, encoding.codec, newline="")
