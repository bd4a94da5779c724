"""A real Mailpit for tests: the one of ``MAILPIT_URL`` (and ``MAILPIT_SMTP``), or ``mailpit`` on PATH, else a skip."""

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.service import free_port

START_SECONDS = 20


@dataclass(frozen=True)
class RunningMailpit:
    """Where it listens."""

    url: str  #: of its page and API
    smtp_host: str
    smtp_port: int
    own: bool  #: started by these tests, with chaos enabled; else somebody's, to be left as found


@pytest.fixture(scope="session")
def running_mailpit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMailpit]:
    """One Mailpit for the tests of this process."""
    if url := os.environ.get("MAILPIT_URL"):
        host, _, port = os.environ.get("MAILPIT_SMTP", "127.0.0.1:1025").rpartition(":")
        yield RunningMailpit(url, host, int(port), own=False)
    elif program := shutil.which("mailpit"):
        with _started(program, tmp_path_factory.mktemp("mailpit")) as mailpit:
            yield mailpit
    else:
        pytest.skip("Mailpit is absent: set MAILPIT_URL, or put mailpit on PATH")


@contextmanager
def _started(program: str, folder: Path) -> Iterator[RunningMailpit]:
    http, smtp = free_port(), free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--listen=127.0.0.1:{http}",
                f"--smtp=127.0.0.1:{smtp}",
                f"--database={folder / 'mailpit.db'}",
                "--enable-chaos",
                "--disable-version-check",
                "--smtp-disable-rdns",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://127.0.0.1:{http}"
        _wait_until_answering(url, process, folder / "log")
        yield RunningMailpit(url, "127.0.0.1", smtp, own=True)
    finally:
        process.terminate()
        process.wait(10)


def _wait_until_answering(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with opener.open(f"{url}/readyz", timeout=1):
                return
        except urllib.error.URLError:
            time.sleep(0.05)
    raise RuntimeError(f"Mailpit did not start:\n{log.read_text()}")
