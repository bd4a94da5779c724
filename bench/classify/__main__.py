"""``python -m bench.classify``: scores the classification of bounces and replies, and writes ``report.md``.

``--bounces`` names a folder with ``manifest.jsonl``, ``--replies`` a file of JSON lines; README.md tells their fields.
"""

import argparse
import datetime as dt
import email
import json
import os
import platform
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flufl.bounce import all_failures

from bench.classify.score import Answer, Score
from mailsvc.domain.classify import Words
from mailsvc.domain.reply import Stage
from mailsvc.feedback.read import read
from mailsvc.feedback.rules import load

CHECKOUT = Path(__file__).parents[2]
REPORT = Path(__file__).with_name("report.md")
#: SMTP commands, as the collection of replies names the stages.
_STAGES = {"CONN": "banner", "HELO": "ehlo", "EHLO": "ehlo", "MAIL": "mail", "RCPT": "rcpt", "DATA": "data"}

_REPORT = """# What bounces and replies mean

Written by `python -m bench.classify` on {date}: {cpus} cores, {system}, Python {python}, mailsvc {mailsvc},
flufl.bounce {flufl}. README.md says what is counted and how.

{bounces}{replies}"""


@dataclass(frozen=True, slots=True)
class Said:
    """One answer."""

    recipient: str | None
    category: str
    hard: bool


def main() -> None:
    """Score, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.classify", description=__doc__)
    parser.add_argument("--bounces", type=Path, help="folder of mails with a manifest.jsonl")
    parser.add_argument("--replies", type=Path, help="JSON lines of replies")
    parser.add_argument("--misses", action="store_true", help="print every wrong answer")
    parser.add_argument("--write", action="store_true", help="write report.md")
    options = parser.parse_args()
    if not options.bounces and not options.replies:
        parser.error("expected --bounces, --replies or both")
    bounces = _bounces(options.bounces, misses=options.misses) if options.bounces else ""
    replies = _replies(options.replies, misses=options.misses) if options.replies else ""
    sys.stdout.write(bounces + replies)
    if options.write:
        REPORT.write_text(_report(bounces, replies), "utf-8")


def _bounces(folder: Path, *, misses: bool) -> str:
    mails = [
        (line["file"], line["expected"], (folder / line["file"]).read_bytes())
        for line in _lines(folder / "manifest.jsonl")
    ]
    classifier = load()

    def ours(raw: bytes) -> Sequence[Answer]:
        found = read(raw, classifier).recipients
        return [Said(said.recipient, said.category.value, said.hard) for said in found]

    score, seconds = _score_mails(mails, ours)
    peer, _ = _score_mails(mails, _flufl)
    rows = [(name, value, "") for name, value in score.rows()]
    rows[:2] = [
        (name, ours, theirs) for (name, ours), (_, theirs) in zip(score.rows(), list(peer.rows())[:2], strict=False)
    ]
    table = "".join(f"| {name} | {value} | {beside} |\n" for name, value, beside in rows)
    return (
        f"## Mails that came back: {len(mails)}, {1000 * seconds / len(mails):.1f} ms each\n\n"
        f"|  | mailsvc | flufl.bounce |\n| --- | --- | --- |\n{table}\n" + _listed(score, shown=misses)
    )


def _score_mails(
    mails: Iterable[tuple[str, list[dict[str, Any]], bytes]], answer: Callable[[bytes], Sequence[Answer]]
) -> tuple[Score, float]:
    score, seconds = Score(), 0.0
    for name, expected, raw in mails:
        begun = time.perf_counter()
        answers = answer(raw)
        seconds += time.perf_counter() - begun
        score.mail(name, expected, answers)
    return score, seconds


def _flufl(raw: bytes) -> Sequence[Answer]:
    """Ask the peer, which knows addresses and no categories."""
    temporary, permanent = all_failures(email.message_from_bytes(raw))
    return [Said(address.decode("utf-8", "replace").lower(), "", hard=False) for address in temporary | permanent]


def _replies(file: Path, *, misses: bool) -> str:
    classifier, score = load(), Score()
    lines = list(_lines(file))
    begun = time.perf_counter()
    for line in lines:
        stage = Stage(_STAGES[line["command"]]) if line["command"] else None
        found = classifier.find(Words.of(line["text"], stage=stage, host=line.get("mx")))
        score.answer(line["text"], line, Said(None, found.category.value, found.category.hard))
    each = 1e6 * (time.perf_counter() - begun) / len(lines)
    table = "".join(f"| {name} | {value} |\n" for name, value in score.rows())
    return (
        f"## Replies: {len(lines)}, {each:.0f} µs each the first time\n\n|  | mailsvc |\n| --- | --- |\n{table}\n"
        + _listed(score, shown=misses)
    )


def _listed(score: Score, *, shown: bool) -> str:
    return "".join(f"- {miss}\n" for miss in score.misses) + "\n" if shown and score.misses else ""


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    yield from map(json.loads, file.read_text("utf-8").splitlines())


def _report(bounces: str, replies: str) -> str:
    return _REPORT.format(
        date=dt.datetime.now(dt.UTC).date(),
        cpus=os.cpu_count(),
        system=platform.system(),
        python=platform.python_version(),
        mailsvc=tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]["version"],
        flufl=version("flufl-bounce"),
        bounces=bounces,
        replies=replies,
    )


if __name__ == "__main__":
    main()
