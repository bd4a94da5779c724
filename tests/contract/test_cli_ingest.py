"""`mailsvc ingest`: what a pipe transport sees."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.reports import dsn, return_path
from tests.support.service import CHECKOUT, Service, free_port
from tests.support.tags import tag_of

TEMPFAIL = 75
LETTER = b"Subject: hello\n\nHello.\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """Run a service that captures mail."""
    async with Service(folder=tmp_path_factory.mktemp("running")) as service:
        yield service


def ingest(service: Service, raw: bytes, *arguments: str, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """Pipe a mail into the command."""
    changed = {f"MAILSVC_{name}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-P", "-m", "mailsvc", "ingest", *arguments],
        input=raw, capture_output=True, timeout=60, check=False, cwd=service.folder,
        env=service.environment | changed | {"PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip


async def newest(service: Service) -> dict[str, object]:
    (found,) = (await service.client.get("/v1/reports?limit=1")).json()["reports"]
    return dict(found)


@pytest.mark.asyncio(loop_scope="module")
async def test_piped_report_is_kept(running: Service) -> None:
    """The command says nothing, exits 0, and the report is there; its recipient is the option's."""
    message = (await running.submit("taro@example.jp")).json()["id"]
    await running.outcome(message)
    path = return_path(tag_of(running.folder, "taro@example.jp"))
    raw = dsn(path, about=message).replace(b"\r\n", b"\n")
    done = ingest(running, raw, "--recipient", path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    report = await newest(running)
    assert (report["source"], report["recipient"]) == ("http", "b***@mail.example.jp")


@pytest.mark.asyncio(loop_scope="module")
async def test_recipient_may_be_left_to_the_headers(running: Service) -> None:
    """Without the option the report is kept as well."""
    assert ingest(running, LETTER).returncode == 0
    assert (await newest(running))["recipient"] is None


def refused(done: subprocess.CompletedProcess[bytes], code: int) -> str:
    """Assert that the command ended with a code and one line; return the line."""
    line = done.stderr.decode()
    assert (done.returncode, done.stdout, line.count("\n")) == (code, b"", 1), line
    return line


@pytest.mark.parametrize(
    ("raw", "arguments"),
    [(b"", []), (b"\n\n", []), (LETTER, ["--recipient", "a b"]), (LETTER, ["--nosuch"]), (LETTER, ["extra"])],
)
def test_wrong_use_is_2(tmp_path: Path, raw: bytes, arguments: list[str]) -> None:
    """Nothing on stdin, no address, or an unknown option is a mistake of whoever configured the pipe."""
    refused(ingest(Service(folder=tmp_path), raw, *arguments), 2)


def test_silent_service_is_a_temporary_failure(tmp_path: Path) -> None:
    """While no service answers the mail system keeps the mail."""
    service = Service(folder=tmp_path, port=free_port())
    assert service.url in refused(ingest(service, LETTER), TEMPFAIL)


def test_refusal_is_a_temporary_failure(running: Service) -> None:
    """A key without the scope, or a mail that is too large, is kept by the mail system until somebody looks."""
    made = json.loads(
        subprocess.run(
            [sys.executable, "-P", "-m", "mailsvc", "keys", "new", "pipe", "--scopes", "read", "--json"],
            capture_output=True, check=True, cwd=running.folder,
            env=running.environment | {"PYTHONPATH": str(CHECKOUT)},
        ).stdout
    )  # fmt: skip
    assert "scope" in refused(ingest(running, LETTER, API_KEY=made["secret"]), TEMPFAIL)
    assert "1048576" in refused(ingest(running, b"x" * 2_000_000), TEMPFAIL)
