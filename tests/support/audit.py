"""`mailsvc audit` in a folder of its own, inside the process of the tests or in one that a test may kill."""

import asyncio
import csv
import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailsvc.cli import main
from tests.support.dns_zone import DnsServer
from tests.support.service import CHECKOUT, Service


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


class Command:
    """The command in a folder of its own."""

    def __init__(self, folder: Path, server: DnsServer, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        settings = {"DNS": server.address, "DATA_DIR": str(folder / "var")}
        self._environment = Service(folder=folder, settings=settings).environment
        self._capsys = capsys

    async def __call__(self, *arguments: str) -> Ended:
        """Run it to its end inside this process: one of its own takes a second to start."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._environment.items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["mailsvc", "audit", *arguments])
            code = await asyncio.to_thread(_exit_code)
        printed = self._capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    async def start(self, script: str, *arguments: str) -> asyncio.subprocess.Process:
        """Start it in a process of its own, as a script does."""
        return await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-c", script, "audit", *arguments,
            cwd=self.folder, env=self._environment | {"PYTHONPATH": str(CHECKOUT)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def end(self, process: asyncio.subprocess.Process, how: signal.Signals | None = None) -> Ended:
        """Send a signal, if any, and wait for the end."""
        if how:
            process.send_signal(how)
        out, err = await process.communicate()
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    async def kept(self, rows: int) -> None:
        """Wait until the journal counts so many rows."""
        journal = self.folder / "out.csv.part.json"
        async with asyncio.timeout(60):
            while not journal.exists() or json.loads(journal.read_bytes())["rows"] < rows:  # noqa: ASYNC110  another process writes it
                await asyncio.sleep(0.02)

    def rows(self, encoding: str = "utf-8") -> list[dict[str, str]]:
        """Read OUT."""
        with (self.folder / "out.csv").open(encoding=encoding, newline="") as file:
            return list(csv.DictReader(file))

    def files(self) -> set[str]:
        """Return the names of what is in the folder."""
        return {file.name for file in self.folder.iterdir()}


def _exit_code() -> int:
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)
