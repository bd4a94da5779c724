"""What OUT holds: the columns of the list as they were, and behind them what was found.

A row with fewer cells than the header is filled up with empty ones; what it has beyond the header stands behind the
added columns, so that every column keeps its place. A blank line stays a blank line.
"""

import csv
from collections.abc import Iterable
from io import StringIO

from mailsvc.checks.audit.cells import harmless
from mailsvc.checks.audit.encodings import Encoding
from mailsvc.checks.audit.source import ADDED, Source
from mailsvc.checks.audit.tally import Answer

Row = list[str]


class Sheet:
    """Makes the octets of OUT."""

    def __init__(self, source: Source, encoding: Encoding, *, raw: bool) -> None:
        """``raw``: cells that a spreadsheet would run as a formula stay as they are."""
        self._source = source
        self._encoding = encoding
        self._raw = raw

    def head(self) -> bytes:
        """Return the beginning, header included."""
        return self._encoding.mark + self._octets([self._placed(list(self._source.header), ADDED)])

    def rows(self, rows: Iterable[tuple[Row, Answer | None]]) -> bytes:
        """Return rows with their answers; None for blank lines."""
        return self._octets(row if answer is None else self._placed(row, _added(answer)) for row, answer in rows)

    def _placed(self, row: Row, added: Iterable[str]) -> Row:
        width = len(self._source.header)
        return [*row[:width], *[""] * (width - len(row)), *added, *row[width:]]

    def _octets(self, rows: Iterable[Row]) -> bytes:
        text = StringIO()
        writer = csv.writer(text, delimiter=self._source.delimiter, lineterminator=self._source.newline)
        writer.writerows(rows if self._raw else (map(harmless, row) for row in rows))
        # What was read in an encoding can be written in it; a suggestion may hold what was never read.
        return text.getvalue().encode(self._encoding.codec, errors="replace")


def _added(answer: Answer) -> Iterable[str]:
    return answer.verdict, " ".join(answer.reasons), " ".join(answer.suggestions), answer.wire or ""
