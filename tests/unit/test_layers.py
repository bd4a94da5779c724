"""The rules of the house that a machine can check: who imports whom, and what no file names."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Written in pieces, since this file is searched too.
PACKAGE_HOSTS = (
    "py" + "pi.org",
    "pythonhosted" + ".org",
    "npmjs" + ".org",
    "npmjs" + ".com",
    "crates" + ".io",
    "proxy.golang" + ".org",
    "maven" + ".org",
    "deb.debian" + ".org",
)
MACHINE_PATHS = re.compile(r"(?<![\w./-])/(?:work|root|opt)/|\bpy" + r"env\b")


def test_imports_follow_the_layers() -> None:
    """No room imports a room above it or beside it."""
    command = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    result = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def tracked_files() -> list[Path]:
    """Return the files that git keeps, or would keep, without those only deleted here."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if result.returncode != 0:
        pytest.skip("git is absent, or this is no working copy: which files are ours is not known")
    return [path for name in result.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_files_name_no_package_host_and_no_machine() -> None:
    """No file names a host that serves packages or a path of one machine."""
    found = []
    for path in tracked_files():
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{path}: {host}" for host in PACKAGE_HOSTS if host in text]
        found += [f"{path}: {match[0]}" for match in MACHINE_PATHS.finditer(text)]
    assert found == []
