"""The queue is a bell: it carries ids of messages whose next try is due, and may lose them all (DESIGN 2.1)."""

from typing import Protocol

from mailsvc.queue.local import LocalQueue

__all__ = ["LocalQueue", "Queue"]


class Queue(Protocol):
    """Rings for a message at an instant. What it forgets the sweeper rings again, from the store."""

    def ring(self, message_id: str, at: float) -> None:
        """Have `next` return this id at an instant or soon after; twice does no harm."""

    async def next(self) -> str:
        """Wait for the next id that is due."""
