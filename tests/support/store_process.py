"""A process that owns a store, to be killed: ``python -m tests.support.store_process URL STAGE``.

Stages: ``opened`` opens the store only; ``entered`` accepts a code, its attempt before the dot; ``admitted`` has its
attempt past the dot gate. Prints the message's id, or ``-``, and then waits for its end.
"""

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

from tests.support.store import accepted, opened

CHECKOUT = Path(__file__).parents[2]


@contextmanager
def running(url: str, stage: str) -> Iterator[tuple[str, Popen[str]]]:
    """Run such a process up to a stage; it is killed (kill -9) at the end."""
    command = [sys.executable, "-m", __name__, url, stage]
    with Popen(command, cwd=CHECKOUT, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.send_signal(signal.SIGKILL)


async def main(url: str, stage: str) -> None:
    """Go to a stage and stay there."""
    async with opened(url) as store:
        message = await accepted(store) if stage != "opened" else None
        if message and stage == "admitted":
            assert store.gate.admit(message.id, message.fence)
        print(message.id if message else "-", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
