"""An OUT that is being written: gone on with after any end, by one process at a time, and seen whole or not at all."""

from contextlib import suppress
from pathlib import Path

import pytest

from mailsvc.checks.audit.part import Part, PartError, interrupted, write_whole
from mailsvc.checks.audit.tally import Answer
from mailsvc.domain.check import ReasonCode, Verdict

ABOUT = {"list": "digest", "raw": False}
BAD = Answer(
    verdict=Verdict.REJECT, reasons=(ReasonCode.SYNTAX,), suggestions=(), wire=None, domain="mail.example", empty=True
)


def add(part: Part, octets: bytes) -> None:
    """Add a row that was rejected."""
    part.tally.add(BAD, odd=True)
    part.add(octets, 1)


def test_part_published_is_the_whole_out(tmp_path: Path) -> None:
    """OUT has its name once the last row is in it, and nothing is left beside it."""
    out = tmp_path / "out.csv"
    with Part(out, ABOUT) as part:
        add(part, b"1\n")
        assert not out.exists()
        assert interrupted(out)
        part.publish()
    assert out.read_bytes() == b"1\n"
    assert list(tmp_path.iterdir()) == [out]
    assert out.stat().st_mode & 0o077 == 0


def test_part_goes_on_with_what_was_kept(tmp_path: Path) -> None:
    """What a crash left beyond the last journal is cut off; rows and counts are those of the journal."""
    out = tmp_path / "out.csv"
    with suppress(KeyboardInterrupt), Part(out, ABOUT) as part:
        add(part, b"1\n")
        raise KeyboardInterrupt
    with (tmp_path / "out.csv.part").open("ab") as torn:
        torn.write(b"2,half of a r")
    with Part(out, ABOUT) as part:
        assert (part.rows, part.octets) == (1, 2)
        tally = part.tally
        assert (tally.rows, tally.empty, tally.odd, tally.uncounted) == (1, 1, 1, 0)
        assert (tally.verdicts[Verdict.REJECT], tally.reasons[ReasonCode.SYNTAX]) == (1, 1)
        add(part, b"2\n")
        assert [count.rows for count in part.tally.worst(5)] == [2]
        part.publish()
    assert out.read_bytes() == b"1\n2\n"


def test_part_of_something_else_refused(tmp_path: Path) -> None:
    """Another list, other options, or a part that lost its end is not gone on with, unless all begins anew."""
    out = tmp_path / "out.csv"
    with Part(out, ABOUT) as part:
        add(part, b"1\n")
    with pytest.raises(PartError, match="--restart"):
        Part(out, ABOUT | {"raw": True})
    (tmp_path / "out.csv.part").write_bytes(b"1")
    with pytest.raises(PartError, match="lost its end"):
        Part(out, ABOUT)
    with Part(out, ABOUT | {"raw": True}, anew=True) as part:
        assert (part.rows, part.octets, part.tally.rows) == (0, 0, 0)


def test_journal_without_a_part_is_a_leftover(tmp_path: Path) -> None:
    """A crash between the two steps at the end leaves a journal, which means nothing any more."""
    out = tmp_path / "out.csv"
    with Part(out, ABOUT) as part:
        add(part, b"1\n")
    (tmp_path / "out.csv.part").replace(out)
    with Part(out, {"list": "another"}) as part:
        assert part.rows == 0


def test_part_has_one_writer(tmp_path: Path) -> None:
    """A second audit with the same OUT is refused, and does the first one no harm."""
    out = tmp_path / "out.csv"
    with Part(out, ABOUT) as part:
        add(part, b"1\n")
        with pytest.raises(PartError, match="another audit"):
            Part(out, ABOUT, anew=True)
        part.publish()
    assert out.read_bytes() == b"1\n"


def test_failed_write_keeps_the_last_good_journal(tmp_path: Path) -> None:
    """After an error of the disk nobody knows what was written: the journal from before it counts."""
    out = tmp_path / "out.csv"
    with suppress(OSError), Part(out, ABOUT) as part:
        add(part, b"1\n")
        part.keep()
        part.add(b"2 is only half here", 0)
        raise OSError("disk full")
    with Part(out, ABOUT) as part:
        assert (part.rows, part.octets) == (1, 2)


def test_file_written_whole_replaces_another(tmp_path: Path) -> None:
    """What was there, or was left from a crash, does not show through."""
    page = tmp_path / "page.html"
    page.write_bytes(b"old and longer")
    (tmp_path / "page.html.new").write_bytes(b"left over and longer")
    write_whole(page, b"new")
    assert page.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [page]
