"""mailauth (npm), a DKIM verifier that shares no code with dkimpy or with us, in one node process.

Installed with ``npm ci`` in this folder; without node or that, `verifier` skips the test and says so.
"""

import json
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@contextmanager
def verifier() -> Iterator[Callable[[bytes, Mapping[str, str]], list[bool]]]:
    """Hand out a function (mail, TXT records by name) -> whether each signature passes, from the top."""
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules" / "mailauth").is_dir():
        pytest.skip(f"mailauth is absent: needs node 20.18 or later, and `npm ci` in {HERE.name}/")
    with subprocess.Popen(
        [node, "verify.js"], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        to_node, from_node = process.stdin, process.stdout

        def verify(raw: bytes, txt: Mapping[str, str]) -> list[bool]:
            to_node.write(json.dumps({"raw": b64encode(raw).decode(), "txt": txt}) + "\n")
            answer: list[bool] = json.loads(from_node.readline())
            return answer

        yield verify
        to_node.close()
