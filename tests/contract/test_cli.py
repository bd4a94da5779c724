"""The command line from outside: help, exit codes, one line where something is wrong, JSON shapes (CONTRACT 1)."""

import email
import email.policy
import json
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from mailsvc.cli import main
from mailsvc.store import migrate
from tests.support.service import CHECKOUT, Service

COMMANDS = (
    *("", "run", "send", "check", "ingest", "preview", "classify", "doctor"),
    *("keys", "keys new", "keys list", "keys revoke"),
    *("db", "db upgrade"),
    *("dkim", "dkim new", "dkim list", "dkim activate", "dkim retire"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """Run a service that captures mail, for commands that talk to one."""
    async with Service(folder=tmp_path_factory.mktemp("running")) as service:
        yield service


def mailsvc(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a data folder."""
    environment = Service(folder=folder, settings=settings).environment | {"PYTHONPATH": str(CHECKOUT)}
    return subprocess.run(
        [sys.executable, "-P", "-m", "mailsvc", *arguments],
        capture_output=True, text=True, timeout=60, env=environment, check=False, cwd=folder, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def at_once(
    folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a command inside this process, where it ends before it does anything: a process each would take minutes."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in Service(folder=folder, settings=settings).environment.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["mailsvc", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    printed = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return subprocess.CompletedProcess(arguments, ended.value.code, printed.out, printed.err)


def beside(service: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with the settings of a running service."""
    return mailsvc(service.folder, *arguments, HTTP=f"127.0.0.1:{service.port}")


def complaint(done: subprocess.CompletedProcess[str], exit_code: int) -> str:
    """Assert that a command ended with an exit code and one line on stderr; return the line."""
    assert (done.returncode, done.stdout) == (exit_code, ""), done.stderr
    assert re.fullmatch(r"mailsvc[^\n]*: [^\n]+\n", done.stderr), done.stderr
    return done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_command_has_help(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    """`--help` explains every command and exits 0, without settings or a store."""
    done = at_once(tmp_path, capsys, *command.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: mailsvc {command}".rstrip() in done.stdout
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("nosuch", "nosuch"),
        ("--nosuch", "--nosuch"),
        ("send", "address"),
        ("send a@example.jp --nosuch", "--nosuch"),
        ("send a@example.jp b@example.jp", "b@example.jp"),
        ("keys new front", "--scopes"),
        ("keys new front --scopes admin", "submit, read, check, operate"),
        ("keys new front --scopes submit,,read", "submit, read, check, operate"),
        ("keys nosuch", "nosuch"),
        ("preview nosuch", "login_code"),
        ("preview --locale fr", "ja, en"),
        ("preview --out nosuch/mail.eml", "nosuch/mail.eml"),
        ("dkim new --algorithm md5", "md5"),
        ("dkim activate nosuch", "nosuch"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, named: str
) -> None:
    """A command that was called wrongly says in one line what was wrong."""
    assert named in complaint(at_once(tmp_path, capsys, *command.split()), 2)


@pytest.mark.parametrize("name", ["", "two\nlines", "x" * 65])
def test_key_has_a_name_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """A name that would break the list of keys is refused, and no key is made."""
    assert "64 printable" in complaint(at_once(tmp_path, capsys, "keys", "new", name, "--scopes", "read"), 2)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["", "keys", "db", "dkim"])
def test_group_without_a_command_shows_its_help(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """A half command is wrong use, and answered with what could follow."""
    done = at_once(tmp_path, capsys, *command.split())
    assert done.returncode == 2
    assert "Usage" in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["run", "keys list", "db upgrade", "send a@example.jp", "preview", "dkim list"])
def test_wrong_setting_is_one_line_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Every command checks the settings first and names the wrong one."""
    assert "MAILSVC_MX_PORT" in complaint(at_once(tmp_path, capsys, *command.split(), MX_PORT="none"), 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATA_DIR", "/proc/nope"),
        ("DATABASE_URL", "sqlite:////nonexistent/x.db"),
        ("DKIM_DIR", "/proc/nope"),
        ("BRAND_NAME", "長" * 29),
        ("SENDER_NAME", "①証券"),
        ("PROFILES", __file__),
        ("SOURCE_ADDRESSES", "192.0.2.1"),
    ],
)
def test_setting_that_this_machine_cannot_give_is_one_line(tmp_path: Path, name: str, value: str) -> None:
    """What is found wrong only at the start is told like every wrong setting, whatever the route."""
    line = complaint(mailsvc(tmp_path, "run", **{name: value}), 2)
    assert re.match(rf"mailsvc: MAILSVC_{name}: found .+, expected .+", line)


@pytest.mark.parametrize("command", ["run", "keys list"])
def test_store_that_is_none_is_one_line(tmp_path: Path, command: str) -> None:
    """A database file that is something else is told without a traceback."""
    (tmp_path / "mailsvc.db").write_bytes(b"not a database " * 100)
    assert "MAILSVC_DATABASE_URL" in complaint(mailsvc(tmp_path, *command.split()), 2)


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    """A key's life on an empty folder: the secret is shown once, and the list keeps what was revoked."""
    made = json.loads(mailsvc(tmp_path, "keys", "new", "front", "--scopes", "submit,read", "--json").stdout)
    assert set(made) == {"id", "name", "scopes", "secret"}
    assert (made["name"], set(made["scopes"])) == ("front", {"submit", "read"})
    assert made["secret"].startswith("mk_")
    listed = mailsvc(tmp_path, "keys", "list", "--json").stdout
    (key,) = json.loads(listed)
    assert key.pop("created_at")
    assert key.pop("revoked_at") is None
    assert key == {name: made[name] for name in ("id", "name", "scopes")}
    assert made["secret"] not in listed
    (revoked,) = json.loads(mailsvc(tmp_path, "keys", "revoke", "front", "--json").stdout)
    assert revoked["id"] == made["id"]
    assert "no living key" in complaint(mailsvc(tmp_path, "keys", "revoke", made["id"]), 1)
    (gone,) = json.loads(mailsvc(tmp_path, "keys", "list", "--json").stdout)
    assert gone["revoked_at"]
    assert "revoked" in mailsvc(tmp_path, "keys", "list").stdout


@pytest.mark.asyncio(loop_scope="module")
async def test_key_made_beside_a_running_service_works_at_once(running: Service) -> None:
    """`keys new` needs no restart, and `keys revoke` neither."""
    made = json.loads(beside(running, "keys", "new", "beside", "--scopes", "read", "--json").stdout)
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert (await running.client.get("/v1/events", headers=headers)).status_code == 200


@pytest.mark.asyncio(loop_scope="module")
async def test_send_follows_a_message_to_its_outcome(running: Service) -> None:
    """`send --wait --json` prints the object of CONTRACT 3.2 and nothing else."""
    done = beside(running, "send", "taro@docomo.ne.jp", "--code", "042917", "--wait", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    message = json.loads(done.stdout)
    assert (message["state"], message["to"]) == ("sent", "t***@docomo.ne.jp")
    assert message == (await running.client.get(f"/v1/messages/{message['id']}")).json()


@pytest.mark.parametrize("arguments", [["--template", "address_changed"], ["--locale", "en", "--challenge", "c"]])
async def test_send_makes_up_what_is_not_given(running: Service, arguments: list[str]) -> None:
    """Without `--code` a code template gets a random one and a notice none."""
    done = beside(running, "send", "taro@example.jp", "--wait", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "sent" in done.stdout
    assert "t***@example.jp" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["taro"], "/to"), (["taro@example.jp", "--code", "12"], "/code"), (["a@b.jp", "--template", "x"], "/template")],
)
async def test_refused_send_is_one_line_and_exit_1(running: Service, arguments: list[str], named: str) -> None:
    """What the service refuses is a negative answer, in the service's words."""
    assert named in complaint(beside(running, "send", *arguments), 1)


def test_send_without_a_service_is_one_line_and_exit_1(tmp_path: Path) -> None:
    """A service that does not answer is named by its address."""
    assert "http://127.0.0.1:" in complaint(mailsvc(tmp_path, "send", "taro@example.jp"), 1)


async def test_send_with_an_unknown_key_is_refused(running: Service) -> None:
    """A wrong key is the service's refusal, and the key is not shown."""
    done = mailsvc(running.folder, "send", "a@b.jp", HTTP=f"127.0.0.1:{running.port}", API_KEY="mk_" + "x" * 43)
    assert "API key" in complaint(done, 1)
    assert "xxx" not in done.stderr


def test_preview_shows_and_writes_a_mail(tmp_path: Path) -> None:
    """A preview reads like the mail, or is the mail itself with `--out`."""
    shown = mailsvc(tmp_path, "preview")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert re.search(r"^認証コード：\d{6}$", shown.stdout, re.MULTILINE)
    file = tmp_path / "mail.eml"
    assert mailsvc(tmp_path, "preview", "login_code_reissued", "--locale", "en", "--out", str(file)).returncode == 0
    mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert "Verification code: " in mail.get_content()


def test_preview_prints_json(tmp_path: Path) -> None:
    """The JSON form has the headers and the text of the mail."""
    shown = json.loads(mailsvc(tmp_path, "preview", "--locale", "en", "--json").stdout)
    assert set(shown) == {"template", "locale", "headers", "text"}
    assert (shown["template"], shown["locale"]) == ("login_code", "en")
    assert shown["headers"]["From"].endswith("<no-reply@mail.example.jp>")
    assert "Verification code: " in shown["text"]


def test_schema_is_upgraded_once(tmp_path: Path) -> None:
    """`db upgrade` on nothing makes a store, and again changes nothing."""
    first, second = mailsvc(tmp_path, "db", "upgrade"), mailsvc(tmp_path, "db", "upgrade")
    assert (first.returncode, second.returncode, first.stdout) == (0, 0, second.stdout)
    assert (tmp_path / "mailsvc.db").stat().st_mode & 0o777 == 0o600
    assert json.loads(mailsvc(tmp_path, "db", "upgrade", "--json").stdout) == {"revision": migrate.HEAD}


def test_signing_keys_are_listed_as_json(tmp_path: Path) -> None:
    """`dkim list --json` is a list of objects, also while it is empty."""
    assert json.loads(mailsvc(tmp_path, "dkim", "list", "--json").stdout) == []
    mailsvc(tmp_path, "dkim", "new", "--algorithm", "ed25519-sha256")
    (key,) = json.loads(mailsvc(tmp_path, "dkim", "list", "--json").stdout)
    assert set(key) == {"selector", "algorithm", "name", "value", "state"}


def test_run_on_a_port_in_use_is_one_line_and_exit_2(tmp_path: Path) -> None:
    """A second listener is told which setting to change."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = complaint(mailsvc(tmp_path, "run", HTTP=f"127.0.0.1:{port}"), 2)
    assert "MAILSVC_HTTP" in line
    assert str(port) in line


async def test_second_run_on_a_data_folder_is_one_line_and_exit_2(running: Service) -> None:
    """One store belongs to one process; the first one goes on."""
    assert "in use by another mailsvc" in complaint(mailsvc(running.folder, "run"), 2)
