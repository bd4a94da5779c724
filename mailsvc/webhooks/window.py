"""The events of one endpoint that are in memory: which may be sent, which wait, how far the log is settled.

Events of one lane go one after the other, in the order in which they came; other lanes go on beside. No I/O.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One event on its way to one endpoint."""

    seq: int
    id: str
    lane: str
    at: float  #: from here on its time runs out
    body: str
    tries: int = 0  #: that failed
    stored: bool = False  #: it has a row: it failed before, or waited behind one that did


class Window:
    """What is under way or waits in memory."""

    def __init__(self, cursor: int) -> None:
        self.position = cursor  #: the log is read up to here
        self._unsettled: dict[int, float] = {}  #: read from the log and not settled: when their time began
        self._lanes: dict[str, deque[Item]] = {}  #: the first one of each may be sent
        self._fresh: deque[Item] = deque()
        self._stored: deque[Item] = deque()
        self._seqs: set[int] = set()

    def __len__(self) -> int:
        return len(self._seqs)

    def __contains__(self, seq: int) -> bool:
        return seq in self._seqs

    @property
    def cursor(self) -> int:
        """Up to here everything is settled."""
        return next(iter(self._unsettled), self.position + 1) - 1

    @property
    def oldest(self) -> float | None:
        """When the time of the first unsettled event began."""
        return next(iter(self._unsettled.values()), None)

    @property
    def stored(self) -> int:
        """How many items have a row."""
        return len(self._seqs) - len(self._unsettled)

    def add(self, item: Item) -> None:
        """Take an event; those of the log come in their order."""
        self._seqs.add(item.seq)
        if not item.stored:
            self._unsettled[item.seq] = item.at
        lane = self._lanes.setdefault(item.lane, deque())
        lane.append(item)
        if lane[0] is item:
            self._offer(item)

    def take_fresh(self) -> Item | None:
        """Return the next event that may be sent and was not tried before."""
        return self._fresh.popleft() if self._fresh else None

    def take_stored(self) -> Item | None:
        """Return the next one that has a row."""
        return self._stored.popleft() if self._stored else None

    def settle(self, item: Item) -> None:
        """Let go of an event that was sent; the next one of its lane may go."""
        lane = self._lanes[item.lane]
        lane.popleft()
        self._drop(item)
        if lane:
            self._offer(lane[0])
        else:
            del self._lanes[item.lane]

    def block(self, item: Item) -> Sequence[Item]:
        """Let go of an event that failed and of those behind it in its lane; return these."""
        lane = self._lanes.pop(item.lane)
        for one in lane:
            self._drop(one)
        lane.popleft()
        return lane

    def give_up(self, before: float) -> Iterator[Item]:
        """Let go of the events that could be sent now and whose time began before an instant."""
        for queue in (self._fresh, self._stored):
            old = [item for item in queue if item.at < before]
            for item in old:
                queue.remove(item)
                self.settle(item)
                yield item

    def _offer(self, item: Item) -> None:
        (self._stored if item.stored else self._fresh).append(item)

    def _drop(self, item: Item) -> None:
        self._seqs.discard(item.seq)
        self._unsettled.pop(item.seq, None)
