"""``mailsvc classify``: what bounces and replies mean, by the rules of the service; needs no settings and no store.

What cannot be read is named on stderr, one line each, and has an ``error`` in its place on stdout; the rest goes on,
and the command exits 1.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mailsvc.cli.failure import NEGATIVE, WRONG_USE, Failure, failures
from mailsvc.domain.classify import Words
from mailsvc.domain.reply import Stage
from mailsvc.domain.report import Reported
from mailsvc.feedback.rules import load

_STAGES = ", ".join(Stage)


def classify(
    *,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Read every file of a folder, a raw mail each.", show_default=False)
    ] = None,
    replies: Annotated[
        bool, typer.Option("--replies", help='Read JSON lines {"reply", "stage", "host"} on stdin.')
    ] = False,
) -> None:
    """Tell what a bounce on stdin says of each recipient, as JSON lines; print nothing when it is no bounce."""
    if folder and replies:
        raise Failure("--dir and --replies: found both, expected one of them", WRONG_USE)
    with failures():
        if replies:
            lines = _of_replies(sys.stdin.buffer)
        elif folder:
            lines = _of_folder(folder)
        else:
            lines = _of_mail(sys.stdin.buffer.read())
        if _print(lines):
            raise typer.Exit(NEGATIVE)


def _print(lines: Iterable[Mapping[str, Any]]) -> int:
    """Print lines as JSON, the errors among them to stderr too; return how many those were."""
    errors = 0
    for line in lines:
        print(json.dumps(line))
        if "error" in line:
            errors += 1
            print(f"mailsvc: {line['error']}", file=sys.stderr)
    return errors


def _of_mail(raw: bytes) -> Iterator[Mapping[str, Any]]:
    if not raw.strip():
        raise Failure("found nothing on stdin, expected a raw mail", WRONG_USE)
    results, error = _results(raw)
    if error:
        raise Failure(f"this mail cannot be read: {error}", NEGATIVE)
    yield from results


def _of_folder(folder: Path) -> Iterator[Mapping[str, Any]]:
    for file in sorted(path for path in folder.iterdir() if path.is_file()):
        results, error = _results(file.read_bytes())
        yield {"file": file.name, "results": results} | ({"error": f"{file.name}: {error}"} if error else {})


def _results(raw: bytes) -> tuple[list[dict[str, Any]], str]:
    """Return what a mail says of each recipient, and in words why it cannot be read."""
    from mailsvc.feedback.read import read  # noqa: PLC0415  replies need none of what mails need

    try:
        return [_result(said) for said in read(raw, load()).recipients], ""
    except Exception as error:  # noqa: BLE001  one mail must not keep the others from being read
        own = type(error).__module__.startswith("mailsvc.")
        return [], str(error) if own else type(error).__name__


def _result(said: Reported) -> dict[str, Any]:
    return {
        "recipient": said.recipient,
        "category": said.category.value,
        "cause": said.cause.value if said.cause else None,
        "status": said.status,
        "hard": said.hard,
        "confidence": said.confidence,
    }


class _WrongLine(Exception):
    """Says what is wrong with a line."""


def _of_replies(lines: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield _of_reply(json.loads(line))
        except _WrongLine as error:
            yield {"error": f"line {number}: {error}"}
        except (ValueError, RecursionError):
            yield {"error": f"line {number}: found no JSON, expected an object"}


def _of_reply(given: object) -> dict[str, Any]:
    """Return the result of one line; raise `_WrongLine`."""
    if not isinstance(given, dict):
        raise _WrongLine('found no object, expected {"reply": …}')
    reply, stage, host, recipient = (given.get(name) for name in ("reply", "stage", "host", "recipient"))
    if not isinstance(reply, str):
        raise _WrongLine("reply: found no text, expected a server's reply")
    if stage is not None and (not isinstance(stage, str) or stage.lower() not in tuple(Stage)):
        raise _WrongLine(f"stage: found another word, expected one of {_STAGES}")
    for name, value in (("host", host), ("recipient", recipient)):
        if not isinstance(value, str | None):
            raise _WrongLine(f"{name}: found something else, expected a text")
    words = Words.of(
        reply,
        stage=Stage(stage.lower()) if stage else None,
        host=host,
        recipient_domain=recipient.rpartition("@")[2] if recipient else None,
    )
    found = load().find(words)
    return {
        "recipient": recipient,
        "category": found.category.value,
        "cause": None,
        "status": found.status,
        "hard": found.category.hard,
        "confidence": found.confidence,
    }
