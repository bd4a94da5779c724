"""``mailsvc classify`` from outside: JSON shapes, errors that name their line, exit codes (CONTRACT 1)."""

import json
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.support.service import CHECKOUT

KEYS = {"recipient", "category", "cause", "status", "hard", "confidence"}
LETTER = b"From: hanako@mail.example\r\nTo: taro@mail.example\r\nSubject: Hello\r\n\r\nHow are you?\r\n"


def classify(folder: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the command in an empty folder without settings."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "mailsvc", "classify", *arguments],
        input=given, capture_output=True, timeout=60, env={"PYTHONPATH": str(CHECKOUT)}, check=False, cwd=folder,
    )  # fmt: skip


def lines(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def bounce(*recipients: str) -> bytes:
    """Return a report that no recipient of these exists."""
    status = "Reporting-MTA: dns; mx.mail.example\n" + "".join(
        f"\nFinal-Recipient: rfc822; {recipient}\nAction: failed\nStatus: 5.1.1\n"
        f"Diagnostic-Code: smtp; 550 5.1.1 <{recipient}>: nobody of this name, user unknown\n"
        for recipient in recipients
    )
    mail = EmailMessage()
    mail["From"], mail["To"] = "MAILER-DAEMON@mx.mail.example", "b+tag@mail.example"
    mail["Subject"] = "Undelivered mail"
    mail.set_content("It could not be delivered.")
    mail.make_mixed()
    raw = mail.as_bytes().replace(b"multipart/mixed", b"multipart/report; report-type=delivery-status", 1)
    boundary = raw.rpartition(b"--\n")[0].rpartition(b"\n--")[2]
    part = b"--" + boundary + b"\nContent-Type: message/delivery-status\n\n" + status.encode() + b"\n"
    return raw.replace(b"--" + boundary + b"--", part + b"--" + boundary + b"--")


@pytest.fixture(autouse=True)
def _nothing_is_made(tmp_path: Path) -> Iterator[None]:
    """See that the command keeps nothing: no store, no secrets."""
    yield
    assert not (tmp_path / "var").exists()


def test_replies_have_a_result_each(tmp_path: Path) -> None:
    """A reply is classified by its words, stage and host; those two may be null, missing, or in capitals."""
    given = [
        {"reply": "550 Unknown user a@docomo.ne.jp", "stage": "rcpt", "host": "MFSMAX.docomo.ne.jp"},
        {"reply": "550 Unknown user a@docomo.ne.jp", "stage": "DATA", "host": "mfsmax.docomo.ne.jp"},
        {"reply": "552-5.2.2 The mailbox\r\n552 5.2.2 is full", "stage": None, "host": None},
        {"reply": "550 宛先不明", "recipient": "a@mail.example"},
        {"reply": ""},
    ]
    done = classify(tmp_path, "--replies", given="\n\n".join(json.dumps(line) for line in given).encode())
    found = lines(done)
    assert [(line["category"], line["status"], line["hard"]) for line in found] == [
        ("unknown_or_refused", None, False),
        ("recipient_refused", None, False),
        ("mailbox_full", "5.2.2", False),
        ("user_unknown", None, True),
        ("unknown", None, False),
    ]
    assert all(line.keys() == KEYS for line in found)
    assert [line["recipient"] for line in found] == [None, None, None, "a@mail.example", None]
    assert (done.returncode, done.stderr) == (0, b"")


def test_wrong_lines_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Each wrong line is told on stderr and has its error on stdout; the command exits 1."""
    wrong = [b"{", b"[]", b"[" * 100_000, b'{"stage": "rcpt"}', b'{"reply": 5}', b"\xff"]
    wrong += [b'{"reply": "x", "stage": "rcp"}', b'{"reply": "x", "host": 1}']
    done = classify(tmp_path, "--replies", given=b"\n".join([*wrong, b'{"reply": "550 User unknown"}']))
    found = lines(done)
    told = done.stderr.decode().splitlines()
    assert done.returncode == 1
    assert [line["error"] for line in found[:-1]] == [line.removeprefix("mailsvc: ") for line in told]
    assert [line.split(":")[1] for line in told] == [f" line {number}" for number in range(1, len(wrong) + 1)]
    assert found[-1]["category"] == "user_unknown"


def test_mail_has_a_line_for_each_recipient(tmp_path: Path) -> None:
    """A bounce on stdin gives one JSON line for each recipient that it names."""
    done = classify(tmp_path, given=bounce("taro@mail.example", "jiro@mail.example"))
    found = lines(done)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [(line["recipient"], line["category"], line["hard"]) for line in found] == [
        ("taro@mail.example", "user_unknown", True),
        ("jiro@mail.example", "user_unknown", True),
    ]
    assert all(line.keys() == KEYS for line in found)


def test_letter_gives_nothing(tmp_path: Path) -> None:
    """A mail that is no bounce prints nothing and is no failure."""
    done = classify(tmp_path, given=LETTER)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_folder_has_a_line_for_each_file(tmp_path: Path) -> None:
    """Every file of a folder, in order of names, has its results; files of folders below it are not read."""
    (tmp_path / "mails" / "below").mkdir(parents=True)
    (tmp_path / "mails" / "below" / "c.eml").write_bytes(LETTER)
    (tmp_path / "mails" / "b.eml").write_bytes(bounce("taro@mail.example"))
    (tmp_path / "mails" / "a.eml").write_bytes(LETTER)
    done = classify(tmp_path, "--dir", "mails")
    first, second = lines(done)
    assert (done.returncode, done.stderr) == (0, b"")
    assert first == {"file": "a.eml", "results": []}
    assert second["file"] == "b.eml"
    assert [result["category"] for result in second["results"]] == ["user_unknown"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((), "stdin"), (("--dir", "none"), "none"), (("--dir", ".", "--replies"), "--dir and --replies"), (("x",), "x")],
)
def test_wrong_use_is_told_in_one_line(tmp_path: Path, arguments: tuple[str, ...], named: str) -> None:
    """An empty stdin, a folder that is none, both options, anything more: exit 2 and one line."""
    done = classify(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"mailsvc: ")
    assert done.stderr.count(b"\n") == 1
    assert named in done.stderr.decode()
