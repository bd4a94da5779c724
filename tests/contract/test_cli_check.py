"""`mailsvc check` from outside: a JSON line for each address in order, exit codes, nothing left behind (CONTRACT 1)."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
import pytest_asyncio

from mailsvc.cli import main
from mailsvc.domain.address import parse
from mailsvc.domain.address_state import Evidence, Source, Strength
from mailsvc.domain.outcome import Category
from mailsvc.store import address_states
from mailsvc.store.addresses import add
from tests.support.dns_zone import DnsServer, No
from tests.support.service import Service
from tests.support.store import opened

GOOD = {"MX": ["10 mx.good.jp."]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[DnsServer]:
    """Answer DNS."""
    zone = {"good.jp": GOOD, "slow.jp": GOOD, "mx.good.jp": {"A": ["8.8.8.8"]}, "servfail.jp": No.SERVFAIL}
    async with DnsServer(zone=zone) as server:
        yield server


class Command:
    """The command, run inside this process: a process each would take a minute."""

    def __init__(self, folder: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._environment = Service(folder=folder, settings={"DNS": server.address}).environment
        self._capsys = capsys

    async def __call__(self, *arguments: str, stdin: bytes = b"", **settings: str) -> tuple[int, str]:
        """Run it; return exit code and what it prints, on stderr where it is wrong use."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._environment.items():
                patch.setenv(name, value)
            for name, value in settings.items():
                patch.setenv(f"MAILSVC_{name}", value)
            patch.setattr(sys, "argv", ["mailsvc", "check", *arguments])
            patch.setattr(sys, "stdin", TextIOWrapper(BytesIO(stdin)))
            code = await asyncio.to_thread(_exit_code)
        printed = self._capsys.readouterr()
        assert bool(printed.err) is (code == 2), printed.err
        return code, printed.out or printed.err


def _exit_code() -> int:
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def _content(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.fixture
def run(tmp_path: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return the command on an empty data folder."""
    return Command(tmp_path, server, capsys)


@pytest.mark.asyncio(loop_scope="module")
async def test_objects_stand_in_order_one_a_line(run: Command) -> None:
    """However long each takes, the lines have the order of the arguments; a warning or trouble is no failure."""
    given = ["taro@servfail.jp", "ｔａｒｏ＠good．jp", "taro@good.jp", "taro@slow.jp"]
    code, out = await run("--json", *given)
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["address"] for line in lines] == given
    assert [line["verdict"] for line in lines] == ["unknown", "ok", "ok", "ok"]
    assert lines[1]["normalized"] == "taro@good.jp"
    assert code == 0


@pytest.mark.asyncio(loop_scope="module")
async def test_rejected_address_exits_1(run: Command) -> None:
    """One rejected address is a negative answer; all are told all the same."""
    code, out = await run("--json", "taro@absent.jp", "taro@good.jp")
    assert [json.loads(line)["verdict"] for line in out.splitlines()] == ["reject", "ok"]
    assert code == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_is_made_for_a_check(run: Command, tmp_path: Path) -> None:
    """Without a store there are no states, and none is made."""
    data = tmp_path / "var"
    code, out = await run("taro@good.jp", DATA_DIR=str(data))
    assert (code, out) == (0, "ok       taro@good.jp\n")
    assert _content(tmp_path) == []


@pytest.mark.asyncio(loop_scope="module")
async def test_people_read_what_to_do(run: Command) -> None:
    """The verdict stands first, then the repaired address, the reasons in Japanese, and what was meant."""
    code, out = await run("ｔａｒｏ＠gmial．com", "x\x1b[31m@good.jp")
    first, second = out.split("\nreject")
    assert first.startswith("reject   ｔａｒｏ＠gmial．com\n         → taro@gmial.com\n")
    assert "（no_such_domain）" in first
    assert "候補: taro@gmail.com" in first
    assert second.startswith(r"   x\x1b[31m@good.jp")
    assert "\x1b" not in out
    assert code == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_stdin_gives_an_address_a_line(run: Command) -> None:
    """`-` reads many, of any encoding, in order."""
    lines = [f"u{number}@good.jp".encode() for number in range(120)] + [b"\xff\xfe@good.jp", b""]
    code, out = await run("--json", "-", stdin=b"\r\n".join(lines))
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer["address"] for answer in answers[:-1]] == [line.decode() for line in lines[:120]]
    assert answers[-1]["verdict"] == "reject"
    assert code == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_states_come_from_the_store_that_is_there(run: Command, tmp_path: Path) -> None:
    """A full mailbox and a domain that took mail are known from the configured store, which is not changed."""
    async with opened(f"sqlite:///{tmp_path}/mailsvc.db") as store:
        identity = parse("taro@good.jp").identity
        later = 4_000_000_000.0  # far ahead, so that the state has not lapsed
        told = Evidence(
            at=later, source=Source.SMTP, strength=Strength.STRONG, category=Category.MAILBOX_FULL, message="msg_x"
        )
        await store.write(lambda tx: add(tx, identity, later))
        await store.write(lambda tx: address_states.note(tx, identity, told, later))
    before = (tmp_path / "mailsvc.db").read_bytes()
    code, out = await run("--json", "Taro@good.jp", "jiro@good.jp")
    first, second = map(json.loads, out.splitlines())
    assert (first["state"], first["verdict"], first["reasons"][0]["code"]) == ("mailbox_full", "warn", "known_full")
    assert (second["state"], second["verdict"]) == (None, "ok")
    assert code == 0
    assert (tmp_path / "mailsvc.db").read_bytes() == before


@pytest.mark.asyncio(loop_scope="module")
async def test_store_of_another_version_is_named(run: Command, tmp_path: Path) -> None:
    """A store that this version cannot read is wrong use, not a silent lack of states; it is not migrated."""
    (tmp_path / "mailsvc.db").write_bytes(b"")
    code, out = await run("taro@good.jp")
    assert code == 2
    assert out.startswith("mailsvc: MAILSVC_DATABASE_URL: found that ")
    assert "mailsvc db upgrade" in out
    assert (tmp_path / "mailsvc.db").read_bytes() == b""


@pytest.mark.asyncio(loop_scope="module")
async def test_argument_that_is_no_text_is_answered(run: Command) -> None:
    """Octets that are no UTF-8, as Python hands them over, are an address nobody can mail."""
    code, out = await run("--json", "taro\udcff@good.jp")
    assert (json.loads(out)["verdict"], code) == ("reject", 1)
    code, out = await run("taro\udcff@good.jp")
    assert out.startswith("reject   taro\\udcff@good.jp")
