"""The process that reads reports: bounded in time and memory, without settings, secrets or files of its own.

Run as ``python -m mailsvc.feedback.child`` by `isolation`. Takes frames (length in four octets, then the mail) on stdin
and answers each with one on stdout, JSON. A mail that takes too long ends the process; so does the end of stdin.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import BinaryIO

from mailsvc.domain.report import Report
from mailsvc.feedback.isolation import CPU_SECONDS, LENGTH, MEMORY, READY
from mailsvc.feedback.read import read
from mailsvc.feedback.rules import load


def main() -> None:
    """Read what comes until there is no more."""
    classifier = load()
    run(lambda raw: read(raw, classifier))


def run(read_one: Callable[[bytes], Report]) -> None:
    """Have a function read what comes on stdin until there is no more."""
    # Whoever stops the service stops it; the reports under way are read to their end.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    _bound()
    _serve(read_one, requests, answers)


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(kind, (0, 0))


def _serve(read_one: Callable[[bytes], Report], requests: BinaryIO, answers: BinaryIO) -> None:
    _send(answers, READY)
    while head := requests.read(LENGTH):
        raw = requests.read(int.from_bytes(head, "big"))
        # The default action of its signal ends the process, whatever code is running.
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        answer = json.dumps(_answer(read_one, raw)).encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        _send(answers, answer)


def _answer(read_one: Callable[[bytes], Report], raw: bytes) -> dict[str, object]:
    try:
        return {"report": asdict(read_one(raw))}
    except Exception as error:  # noqa: BLE001  it is told to the process that asked
        # Only the reader's own refusals are in words that never repeat the mail.
        own = type(error).__module__.startswith("mailsvc.")
        return {"refused": str(error)} if own else {"failed": type(error).__name__}


def _send(answers: BinaryIO, payload: bytes) -> None:
    answers.write(len(payload).to_bytes(LENGTH, "big") + payload)
    answers.flush()


if __name__ == "__main__":
    main()
