"""What a run says and answers when an optional part is absent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDS_MAILPIT = "tests/contract/test_mailpit.py::test_real_mail_found_read_and_deleted"


@pytest.mark.parametrize(("required", "code"), [("", 0), ("1", 1)])
def test_absent_part_named_or_required(tmp_path: Path, required: str, code: int) -> None:
    """A part that is absent is named at the end of a run, and fails the run where all are required."""
    environ = {name: text for name, text in os.environ.items() if name != "MAILPIT_URL"}
    environ |= {"PATH": str(tmp_path), "MAILSVC_REQUIRE_OPTIONAL": required}
    command = [sys.executable, "-m", "pytest", "-n0", "-p", "no:cacheprovider", NEEDS_MAILPIT]
    run = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == code, run.stdout + run.stderr
    assert "Mailpit is absent: set MAILPIT_URL, or put mailpit on PATH" in run.stdout
    assert ("optional parts that were absent" in run.stdout) == (code == 0)
