"""How far a long command is, on stderr: a bar where a person looks on, else a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

#: Seconds between two lines.
LINE_EVERY = 30.0


@contextmanager
def progress(label: str, done: int, total: int) -> Iterator[Callable[[int], None]]:
    """Yield what is to be told how many of ``total`` are done; ``done`` are already."""
    if not sys.stderr.isatty():
        yield _lines(label, done, total)
        return
    with typer.progressbar(length=total, label=label, show_pos=True, file=sys.stderr) as bar:
        bar.pos = done
        yield lambda reached: bar.update(reached - bar.pos)


def _lines(label: str, done: int, total: int) -> Callable[[int], None]:
    began = last = time.monotonic()

    def tell(reached: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= LINE_EVERY:
            last = now
            left = (now - began) / (reached - done) * (total - reached)
            print(f"{label}: {reached:,} of {total:,} rows, {left / 60:.0f} min left", file=sys.stderr, flush=True)

    return tell
