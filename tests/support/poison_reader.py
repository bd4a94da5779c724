"""A process that reads reports as the real one does, but dies of mails that ask for it, which no real one may do.

Run as ``python -m tests.support.poison_reader``. The first line of a mail says what reading it does.
"""

import os
import signal
import sys
import time
from tempfile import TemporaryFile

from mailsvc.domain.outcome import Category
from mailsvc.domain.report import Action, Kind, Report, Reported
from mailsvc.feedback.child import run

COMMAND = (sys.executable, "-P", "-m", "tests.support.poison_reader")


class TooDeep(Exception):
    """A refusal of the reader's own."""

    __module__ = "mailsvc.feedback.read"


def read(raw: bytes) -> Report:
    """Do what the first line of a mail asks for; answer the rest of it."""
    order, _, rest = raw.decode().partition("\n")
    if order:
        rest = str(globals()[order](raw) or rest)
    said = Reported(recipient="taro@docomo.ne.jp", action=Action.FAILED, category=Category.MAILBOX_FULL)
    return Report(kind=Kind.BOUNCE, recipients=(said,), envid=rest or None)


def spin(_raw: bytes) -> None:
    """Take all the processor time there is."""
    while True:
        pass


def sleep(_raw: bytes) -> None:
    """Take no processor time, and all the time there is."""
    time.sleep(3600)


def eat(_raw: bytes) -> None:
    """Take all memory."""
    bytes(1 << 32)


def die(_raw: bytes) -> None:
    """End the process."""
    os._exit(3)


def crash(_raw: bytes) -> None:
    """End the process as a fault of a C library does."""
    os.kill(os.getpid(), signal.SIGSEGV)


def write(_raw: bytes) -> None:
    """Write into a file."""
    with TemporaryFile(buffering=0) as file:
        file.write(b"x")


def fail(_raw: bytes) -> None:
    """Fail with words of the mail."""
    raise ValueError("the code is 042917")


def recurse(raw: bytes) -> None:
    """Go too deep."""
    recurse(raw)


def refuse(_raw: bytes) -> None:
    """Refuse, as the real reader does."""
    raise TooDeep("it has more than 10 levels")


def say(_raw: bytes) -> None:
    """Print, where answers are expected."""
    print("x" * 100_000)
    os.write(1, b"y" * 1000)


def settings(_raw: bytes) -> str:
    """Answer the settings that are to be seen."""
    return ",".join(name for name in os.environ if name.startswith("MAILSVC_"))


def long(_raw: bytes) -> str:
    """Answer too much."""
    return "z" * 2_000_000


if __name__ == "__main__":
    run(read)
