"""./run and ./test on machines that lack something, and on one that is set up already."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Answers the questions that tools/environment.sh asks a Python: is it new enough, has it the venv module?
PYTHON = """#!/bin/sh
case "$*" in
*version_info*) exit {too_old} ;;
*ensurepip*) exit {no_venv} ;;
esac
echo "unexpected: $*"
exit 3
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a working copy with a blank in its path, holding what ./run needs before Python."""
    folder = tmp_path / "my checkout"
    shutil.copytree(ROOT / "tools", folder / "tools")
    for name in ("run", "test", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, folder)
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "dirname", "cksum", "grep", "readlink", "cat", "chmod"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or "")
    return folder


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def start(checkout: Path, *command: str, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": str(checkout.parent / "bin"), "HOME": str(cwd)} | settings
    return subprocess.run(
        [str(checkout / command[0]), *command[1:]],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("name", ["run", "test"])
@pytest.mark.parametrize(
    ("too_old", "no_venv", "hint"),
    [(1, 0, "Python 3.11 or later is needed"), (0, 1, "apt install python3-venv")],
)
def test_missing_part_named_in_one_line(checkout: Path, name: str, too_old: int, no_venv: int, hint: str) -> None:
    """Without a new enough Python, or without its venv module, the last line says what to install."""
    program(checkout.parent / "bin" / "python3", PYTHON.format(too_old=too_old, no_venv=no_venv))
    result = start(checkout, name, cwd=checkout.parent)
    assert result.returncode == 2
    assert hint in result.stderr.splitlines()[-1]
    assert len(result.stderr.splitlines()) == 2
    assert result.stdout == ""


def test_set_up_already_starts_at_once(checkout: Path) -> None:
    """A working copy that is set up starts where the caller stands, with the caller's arguments and its own data."""
    venv = checkout / ".venv"
    program(venv / "bin" / "python", "#!/bin/sh\nexit 0\n")
    program(venv / "bin" / "mailsvc", '#!/bin/sh\nprintf "[%s]" "$PWD" "$MAILSVC_DATA_DIR" "$@"\n')
    sums = subprocess.run(["cksum", "requirements.txt"], cwd=checkout, capture_output=True, text=True, check=True)
    (venv / "installed").write_text(sums.stdout)
    elsewhere = checkout.parent / "elsewhere"
    elsewhere.mkdir()
    result = start(checkout, "run", "--help", "a b", cwd=elsewhere)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"[{elsewhere}][{checkout}/var][run][--help][a b]"
    own = start(checkout, "run", cwd=elsewhere, MAILSVC_DATA_DIR="data")
    assert own.stdout == f"[{elsewhere}][data][run]"
    own = start(checkout, "run", cwd=elsewhere, MAILSVC_CONFIG="mailsvc.toml")
    assert own.stdout == f"[{elsewhere}][][run]"


def test_requirements_changed_installed_anew(checkout: Path) -> None:
    """When the list of packages changed, it is installed again before anything starts; a failure stops there."""
    program(checkout / ".venv" / "bin" / "python", '#!/bin/sh\n[ "$1" = -c ] || { echo "$@"; exit 9; }\n')
    (checkout / ".venv" / "installed").write_text("1 2 requirements.txt\n")
    result = start(checkout, "run", cwd=checkout)
    assert result.returncode == 9
    assert "--require-hashes" in result.stderr
    assert [path.name for path in (checkout / ".venv" / "bin").iterdir()] == ["python"]
