"""A mail's dot that nobody answers for a while: what is done while it is still waited for.

Most answers come within a second; the slowest known carrier takes half a minute. Decides only when it has been a while.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mailsvc.delivery.session import Gate
from mailsvc.domain.reply import Stage

#: So long after a mail was let pass its answer is late (seconds).
LATE = 5.0


@contextmanager
def once_late(gate: Gate, then: Callable[[], None]) -> Iterator[Gate]:
    """Yield the gate to ask instead of ``gate``; ``then`` is called once the answer to the mail it let pass is late."""
    loop = asyncio.get_running_loop()
    timers: list[asyncio.TimerHandle] = []

    async def watched(stage: Stage) -> str | None:
        reason = await gate(stage)
        if reason is None and stage is Stage.DOT:
            timers.append(loop.call_later(LATE, then))
        return reason

    try:
        yield watched
    finally:
        for timer in timers:
            timer.cancel()
