"""Cells that a spreadsheet would run get a mark; numbers and words stay as they are."""

import pytest

from mailsvc.checks.audit.cells import harmless

RUN = [
    "=1+1",
    '=HYPERLINK("http://a.example",A1)',
    "+cmd|' /C calc'!A0",
    "-cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "-1+2",
    "+81-90-1234-5678+A1",
    "\t=1+1",
    "\rx",
    "\nx",
    "  =1+1",
    "\u3000=1+1",
    "\ufeff=1+1",
    "\x00=1+1",
    "＝1+1",
    "＋A1",
    "－A1",
    "＠SUM(1)",
    "+taro@docomo.ne.jp",
    "-taro-@docomo.ne.jp",
    "- なし",
]  # fmt: skip
LEFT = [
    "",
    "山田 太郎",
    "taro@docomo.ne.jp",
    "+81-90-1234-5678",
    "+81 (0)90.1234.5678",
    "-12,345.6",
    "－１２３",
    "-5%",
    "-",
    "---",
    "ー",
    "1=1",
    "2026-11-25",
    "'=1",
]


@pytest.mark.parametrize("cell", RUN)
def test_cell_that_would_run_gets_a_mark(cell: str) -> None:
    """A cell that may be a formula begins with an apostrophe, and is the same behind it."""
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", LEFT)
def test_cell_that_would_not_run_is_unchanged(cell: str) -> None:
    """Words, dates, signed numbers and telephone numbers stay as they are."""
    assert harmless(cell) == cell


@pytest.mark.parametrize("cell", [*RUN, *LEFT])
def test_marking_twice_is_marking_once(cell: str) -> None:
    """What is harmless already gets no further mark."""
    assert harmless(harmless(cell)) == harmless(cell)
