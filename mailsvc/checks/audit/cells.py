"""Cells that a spreadsheet would run as a formula, made harmless.

A cell begins a formula with ``=``, ``+``, ``-`` or ``@``, of either width, also behind blanks and what is not seen.
What is nothing but a signed number, a telephone number or a dash stays as it is: without letters nothing can be called
or referred to.
"""

import re

#: Set in front; a spreadsheet then shows the cell as text.
MARK = "'"
_RUNS = re.compile(r"[\t\r\n]|[\s\x00\ufeff]*[=+\-@＝＋－＠]")
_NUMBER = re.compile(r"\s*[+\-＋－][\d\s.,()/:%\-－]*")


def harmless(cell: str) -> str:
    """Return the cell, with ``'`` in front where a spreadsheet might run it."""
    if _RUNS.match(cell) is None or (cell[0] not in "\t\r\n" and _NUMBER.fullmatch(cell)):
        return cell
    return MARK + cell
