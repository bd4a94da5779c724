"""Errors in the log: their type, never their text or their traceback, which may hold a caller's values."""

import json
import subprocess
import sys

from tests.support.service import CHECKOUT

LIBRARY = """
import logging
from mailsvc.telemetry import logs
logs.configure("info")
try:
    raise KeyError("042917 taro@docomo.ne.jp kanariya7")
except KeyError:
    logging.getLogger("uvicorn.error").exception("it failed")
"""


def test_error_of_a_library_is_logged_by_its_type() -> None:
    """A library that logs an exception names its type only, in one JSON line."""
    done = subprocess.run([sys.executable, "-c", LIBRARY], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    line = json.loads(done.stderr)
    assert (line["event"], line["error"], line["level"]) == ("it failed", "KeyError", "error")
    assert "exc_info" not in line
    assert "kanariya7" not in done.stderr
