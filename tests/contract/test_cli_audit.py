"""`mailsvc audit` from outside: columns kept, order kept, gone on with after any end, exit codes (CONTRACT 1)."""

import csv
import json
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from mailsvc.checks.audit.source import Source
from tests.support.audit import Command
from tests.support.dns_zone import DnsServer, No
from tests.support.environment import FULL_RUN

GOOD = {"MX": ["10 mx.example.jp."]}
#: Keeps what was written after every batch, so that a test need not wait for it.
EAGER = "from mailsvc.checks.audit import run; run.KEEP_EVERY = 0.0; from mailsvc.cli import main; main()"
#: Says at the end how much memory it had at most (KiB).
MEASURED = (
    "import atexit, resource, sys; from mailsvc.cli import main; "
    "atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)); main()"
)
#: Rows of a long list. Some 32,000 are under way at a time, so only lists much longer than that show what memory does.
ROWS = (100_000, 1_000_000) if FULL_RUN else (20_000,)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[DnsServer]:
    """Answer DNS."""
    zone = {
        **dict.fromkeys(("docomo.ne.jp", "gmial.com", "gmail.com", "slow1.example.jp", "slow2.example.jp"), GOOD),
        **{f"d{number}.example.jp": GOOD for number in range(100)},
        "mx.example.jp": {"A": ["8.8.8.8"]},
        "null.example.jp": {"MX": ["0 ."]},
    }
    async with DnsServer(zone=zone) as server:
        yield server


@pytest.fixture
def audit(tmp_path: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return the command in an empty folder."""
    return Command(tmp_path, server, capsys)


async def test_list_in_shift_jis_is_answered_in_shift_jis(audit: Command, server: DnsServer) -> None:
    """Other columns and the order are kept, four are added, formulas are marked, no address is printed."""
    (audit.folder / "in.csv").write_bytes(
        (
            "番号,氏名,address,電話,備考\r\n"
            '001,髙﨑 ①郎,taro@docomo.ne.jp,+81-90-1234-5678,"改行\r\nあり, ""引用"""\r\n'
            "002,山田,ｈａｎａｋｏ＠docomo.ne.jp　,-1,=1+1\r\n"
            "003,佐藤,secret@gmial.com,,@SUM(1)\r\n"
            "004,鈴木,taro..@docomo.ne.jp,,\r\n"
            "005,田中,a b@docomo.ne.jp,,\r\n"
            "006,伊藤,x@nowhere.example.jp,,\r\n"
            "007,渡辺,x@null.example.jp,,\r\n"
            "008,小林,secret2@d1.example.jp,,\r\n"
            "009,加藤,,,\r\n"
        ).encode("cp932")
    )
    done = await audit("in.csv", "--out", "out.csv")
    assert done.code == 0, done.err
    rows = audit.rows(encoding="cp932")
    assert list(rows[0]) == ["番号", "氏名", "address", "電話", "備考", "verdict", "reasons", "suggestion", "wire"]
    assert [row["番号"] for row in rows] == [f"{number:03}" for number in range(1, 10)]
    assert [(row["verdict"], row["reasons"], row["suggestion"], row["wire"]) for row in rows] == [
        ("ok", "", "", "taro@docomo.ne.jp"),
        ("ok", "normalized", "", "hanako@docomo.ne.jp"),
        ("warn", "typo_domain", "secret@gmail.com", "secret@gmial.com"),
        ("ok", "nonconforming_local", "", '"taro.."@docomo.ne.jp'),
        ("reject", "syntax", "ab@docomo.ne.jp", ""),
        ("reject", "no_such_domain", "", "x@nowhere.example.jp"),
        ("reject", "null_mx", "", "x@null.example.jp"),
        ("ok", "", "", "secret2@d1.example.jp"),
        ("reject", "syntax", "", ""),
    ]
    assert (rows[0]["氏名"], rows[0]["電話"], rows[0]["備考"]) == (
        "髙﨑 ①郎",
        "+81-90-1234-5678",
        '改行\r\nあり, "引用"',
    )
    assert [rows[1]["電話"], rows[1]["備考"], rows[2]["備考"]] == ["-1", "'=1+1", "'@SUM(1)"]
    assert (audit.folder / "out.csv").read_bytes().count(b"\r\n") == 11
    assert "secret" not in done.out + done.err + (audit.folder / "out.html").read_text()
    assert "Shift_JIS" in done.err
    assert audit.files() == {"in.csv", "out.csv", "out.html"}
    assert {file.stat().st_mode & 0o077 for file in audit.folder.glob("out.*")} == {0}
    assert set(Counter(question for question in server.questions if question[1] == "MX").values()) == {1}


async def test_summary_for_machines(audit: Command) -> None:
    """`--json` prints the counts; a mark for Excel and cells as they were are to be had."""
    (audit.folder / "in.csv").write_text("連絡先;x\nｔａｒｏ＠docomo.ne.jp;=1\na@null.example.jp;\n;;;\n")
    done = await audit("in.csv", "--out", "out.csv", "--column", "連絡先", "--bom", "--raw", "--json", "--locale", "en")
    assert done.code == 0, done.err
    assert json.loads(done.out) == {
        "rows": 3,
        "verdicts": {"ok": 1, "unknown": 0, "warn": 0, "reject": 2},
        "reasons": {"normalized": 1, "null_mx": 1, "syntax": 1},
        "empty": 1,
        "odd": 1,
        "domains": [
            {"domain": "docomo.ne.jp", "rows": 1, "ok": 1, "unknown": 0, "warn": 0, "reject": 0},
            {"domain": "null.example.jp", "rows": 1, "ok": 0, "unknown": 0, "warn": 0, "reject": 1},
        ],
        "out": "out.csv",
        "page": "out.html",
    }
    written = (audit.folder / "out.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbf")
    assert b"docomo.ne.jp;=1;ok;normalized;;taro@docomo.ne.jp\n" in written
    assert '<html lang="en">' in (audit.folder / "out.html").read_text()


async def test_interrupted_audit_ends_as_if_it_had_not_been(audit: Command, server: DnsServer) -> None:
    """After Ctrl-C and after a kill the same command goes on, to the octets of an audit that ran through."""
    lines = [f"{number},user{number}@d{number % 100}.example.jp\n" for number in range(4000)]
    lines[2000], lines[3000] = "x,taro@slow1.example.jp\n", "y,taro@slow2.example.jp\n"  # each begins a batch
    (audit.folder / "in.csv").write_text("id,address\n" + "".join(lines))
    assert (await audit("in.csv", "--out", "whole.csv")).code == 0

    server.zone["slow1.example.jp"] = server.zone["slow2.example.jp"] = No.SILENCE
    process = await audit.start(EAGER, "in.csv", "--out", "out.csv")
    await audit.kept(2000)
    stopped = await audit.end(process, signal.SIGINT)
    assert stopped.code == 130
    assert stopped.err.endswith("stopped behind row 2,000 of 4,000; the same command goes on from there\n")

    server.zone["slow1.example.jp"] = GOOD
    process = await audit.start(EAGER, "in.csv", "--out", "out.csv")
    await audit.kept(3000)
    assert (await audit.end(process, signal.SIGKILL)).code == -signal.SIGKILL
    with (audit.folder / "out.csv.part").open("ab") as torn:
        torn.write(b"3000,half of a r")
    assert audit.files() == {"in.csv", "whole.csv", "whole.html", "out.csv.part", "out.csv.part.json"}

    server.zone["slow2.example.jp"] = GOOD
    done = await audit("in.csv", "--out", "out.csv", "--json")
    assert done.code == 0, done.err
    assert "goes on behind row 3,000" in done.err
    assert json.loads(done.out)["rows"] == 4000
    assert (audit.folder / "out.csv").read_bytes() == (audit.folder / "whole.csv").read_bytes()
    assert audit.files() == {"in.csv", "whole.csv", "whole.html", "out.csv", "out.html"}


async def test_wrong_use_is_one_line_and_changes_nothing(audit: Command) -> None:
    """Nothing is overwritten, guessed or begun where the command, the list or the settings are wrong."""
    (audit.folder / "in.csv").write_text("id,address\n1,secret@docomo.ne.jp\n")
    (audit.folder / "bare.csv").write_text("secret@docomo.ne.jp\n")
    (audit.folder / "there.csv").write_text("there")
    (audit.folder / "page.html").write_text("there")
    files = audit.files()
    for arguments, said in [
        (("in.csv",), "--out"),
        (("none.csv", "--out", "out.csv"), "none.csv: No such file"),
        (("in.csv", "--out", "none/out.csv"), "none/out.csv.part: No such file"),
        (("in.csv", "--out", "in.csv"), "--out"),
        (("in.csv", "--out", "out.html"), "--out"),
        (("in.csv", "--out", "there.csv"), "there.csv is there already"),
        (("in.csv", "--out", "page.csv"), "page.html is there already"),
        (("bare.csv", "--out", "out.csv"), "bare.csv: has no column address"),
        (("in.csv", "--out", "out.csv", "--column", "mail"), "--column"),
        (("in.csv", "--out", "out.csv", "--encoding", "latin-1"), "--encoding"),
        (("in.csv", "--out", "out.csv", "--locale", "fr"), "--locale"),
    ]:
        done = await audit(*arguments)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
        assert said in done.err
        assert "secret" not in done.err
        assert audit.files() == files


async def test_out_is_overwritten_on_demand(audit: Command) -> None:
    """With `--force` an OUT that is there is replaced, page included, once the new one is whole."""
    (audit.folder / "in.csv").write_text("address\ntaro@docomo.ne.jp\n")
    for name in ("out.csv", "out.html"):
        (audit.folder / name).write_text("old")
    assert (await audit("in.csv", "--out", "out.csv", "--force")).code == 0
    assert audit.rows()[0]["verdict"] == "ok"
    assert "docomo.ne.jp" in (audit.folder / "out.html").read_text()


async def test_restart_forgets_what_was_interrupted(audit: Command) -> None:
    """A list that was changed is not gone on with; it is begun anew on demand."""
    (audit.folder / "in.csv").write_text("address\ntaro@docomo.ne.jp\n")
    (audit.folder / "out.csv.part").write_text("address,verdict\n")
    about = {"about": {"list": "another"}, "octets": 16, "rows": 0, "tally": {}}
    (audit.folder / "out.csv.part.json").write_text(json.dumps(about))
    refused = await audit("in.csv", "--out", "out.csv")
    assert (refused.code, "--restart" in refused.err) == (2, True)
    assert (await audit("in.csv", "--out", "out.csv", "--restart")).code == 0
    assert audit.files() == {"in.csv", "out.csv", "out.html"}


async def test_list_that_changes_under_the_audit_has_no_out(audit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of two lists never make one OUT."""
    monkeypatch.setattr(Source, "changed", property(lambda _: True))
    (audit.folder / "in.csv").write_text("address\ntaro@docomo.ne.jp\n")
    done = await audit("in.csv", "--out", "out.csv")
    assert (done.code, "in.csv: has changed" in done.err) == (2, True)
    assert "out.csv" not in audit.files()


async def test_dns_that_is_out_is_told(audit: Command, server: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where DNS answers nothing the rows are unknown, and a line says where to look."""
    monkeypatch.setattr("mailsvc.checks.audit.findings.AGAIN", 0.0)
    server.zone["docomo.ne.jp"] = No.SERVFAIL
    (audit.folder / "in.csv").write_text("address\ntaro@docomo.ne.jp\n")
    done = await audit("in.csv", "--out", "out.csv")
    assert (done.code, audit.rows()[0]["verdict"], audit.rows()[0]["reasons"]) == (0, "unknown", "dns_temporary")
    assert "MAILSVC_DNS" in done.err


@pytest.mark.parametrize("terminal", [False, True])
async def test_progress_is_told(audit: Command, monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> None:
    """How far it is stands on stderr: a bar in a terminal, else a line now and then."""
    monkeypatch.setattr("mailsvc.cli.progress.LINE_EVERY", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    (audit.folder / "in.csv").write_text("address\n" + "taro@docomo.ne.jp\n" * 600)
    done = await audit("in.csv", "--out", "out.csv")
    assert ("audit: 500 of 600 rows, 0 min left" in done.err) is not terminal
    assert ("600/600" in done.err) is terminal


@pytest.mark.timeout(900 if FULL_RUN else 120)
async def test_long_list_is_answered_in_order_and_bounded_memory(audit: Command) -> None:
    """Every row of a long list has its answer, in order; memory does not grow with the rows."""
    memory = []
    for rows in ROWS:
        with (audit.folder / "in.csv").open("w") as file:
            file.write("id,address,name\n")
            file.writelines(f"{n},user{n}@d{n * n % 97}.example.jp,山田 太郎\n" for n in range(rows))
        done = await audit.end(await audit.start(MEASURED, "in.csv", "--out", "out.csv", "--force"))
        assert done.code == 0, done.err
        memory.append(int(done.err.splitlines()[-1]))
        with (audit.folder / "out.csv").open() as file:
            answered = [int(row["id"]) for row in csv.DictReader(file) if row["verdict"] == "ok"]
        assert answered == list(range(rows))
    assert memory[-1] - memory[0] < 30_000
