"""How the text of a list is encoded.

A byte order mark decides; else UTF-8 where every line is UTF-8; else what is left of Shift_JIS (as Windows writes it,
with 髙, 﨑 and ①) and EUC-JP. What could be both, is none of them, or is UTF-8 but for some lines, is a `ListError`: a
guess would garble names.
"""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
#: Names for `--encoding`, and the codec of each. Python's ``shift_jis`` lacks what Windows added.
NAMES = {"utf-8": "utf-8", "shift_jis": "cp932", "cp932": "cp932", "euc-jp": "euc_jp"}
#: What Python's cp932 makes of octets that stand for nothing there.
_UNASSIGNED = re.compile("[\x80\uf8f0-\uf8f3]")


class ListError(Exception):
    """The list cannot be read; the message says where and why, and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding, and the byte order mark at the beginning of the file."""

    codec: str  #: as Python calls it
    mark: bytes = b""

    def __str__(self) -> str:
        name = {"cp932": "Shift_JIS (cp932)", "euc_jp": "EUC-JP"}.get(self.codec, self.codec.upper())
        return f"{name} with BOM" if self.mark else name


UTF8_MARKED = Encoding("utf-8", codecs.BOM_UTF8)


def encoding_of(file: Path, name: str | None = None) -> Encoding:
    """Return the encoding of a file, which is ``name`` where one is given; raise `ListError`."""
    with file.open("rb") as opened:
        head = opened.read(len(codecs.BOM_UTF8))
    marked = next((Encoding(codec, mark) for mark, codec in _MARKS.items() if head.startswith(mark)), None)
    if marked and (name is None or NAMES[name] == marked.codec):
        return marked
    if name is not None:
        return _tried(file, NAMES[name]).encoding()
    utf8, shift_jis, euc_jp = (_tried(file, codec) for codec in ("utf-8", "cp932", "euc_jp"))
    if utf8.wrong * 2 <= utf8.lines:
        return utf8.encoding()
    if shift_jis.wrong == euc_jp.wrong == 0:
        raise ListError("can be read as Shift_JIS and as EUC-JP; say which with --encoding")
    return min(shift_jis, euc_jp, key=lambda tried: tried.wrong).encoding()


@dataclass(slots=True)
class _Tried:
    """How far the lines of a file are in an encoding."""

    codec: str
    lines: int = 0  #: those that are not ASCII
    wrong: int = 0
    first: int = 0  #: number of the first wrong one

    def encoding(self) -> Encoding:
        """Return the encoding; raise `ListError` where a line is not in it."""
        if self.wrong:
            raise ListError(f"line {self.first} is not {Encoding(self.codec)}")
        return Encoding(self.codec)


def _tried(file: Path, codec: str) -> _Tried:
    """Try an encoding in which no character holds the octet of a line feed."""
    tried = _Tried(codec)
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.isascii():
                continue
            tried.lines += 1
            if not _is_in(line, codec):
                tried.wrong += 1
                tried.first = tried.first or number
    return tried


def _is_in(line: bytes, codec: str) -> bool:
    try:
        text = line.decode(codec)
    except UnicodeDecodeError:
        return False
    return codec != "cp932" or _UNASSIGNED.search(text) is None
