"""What is to become of the events of one endpoint: which goes next, and what follows from each answer.

Decides by `policy`, keeps `Window` and `Book` in step, does no I/O: the `Pusher` reads, sends and records.
"""

import json
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

import structlog

from mailsvc.domain.event import Event
from mailsvc.domain.view import event_view
from mailsvc.store.webhooks import Place, Row
from mailsvc.webhooks.book import Book
from mailsvc.webhooks.policy import PATIENCE, Circuit, Fate, fate, next_try
from mailsvc.webhooks.sender import Answer
from mailsvc.webhooks.target import Target
from mailsvc.webhooks.window import Item, Window

#: Requests under way at most: 60 codes a second make 180 events, and an endpoint may take 100 ms for each.
PARALLEL = 32
#: Of these, for what failed before.
RETRIES = 8
#: Events in memory, beyond which the log is not read.
ROOM = 300
#: The status of an endpoint that gets more than it can take.
_TOO_MANY = 429

log = structlog.get_logger(__name__)


class Outbox:
    """The events of one endpoint in memory; made anew where its cursor is put back."""

    def __init__(self, target: Target, place: Place, circuit: Circuit) -> None:
        self.window = Window(place.cursor)
        self.book = Book(place.cursor)
        self._target = target
        self._since = place.since
        self._circuit = circuit

    @property
    def full(self) -> bool:
        """Whether no more of the log is to be read now."""
        return len(self.window) >= ROOM

    def take_in(self, events: Sequence[Event], blocked: Collection[str], now: float) -> None:
        """Take events of the log; ``blocked`` are the lanes in which one waits in the store."""
        blocked = self.book.blocked.union(blocked)  # what failed since the last record is in the book only
        for event in events:
            item = self._item(event, max(event.at, self._since))
            if item.lane in blocked:
                self.book.behind([item])
            elif self._circuit.until is not None and _is_over(item, now):
                self._park(item, "its time was over before the endpoint was back", now)
            else:
                self.window.add(item)

    def take_back(self, rows: Sequence[tuple[Row, Event]]) -> None:
        """Take events that failed before, or waited behind such ones, unless they are here already."""
        # One that failed again since the last record still looks due, and those behind it free.
        blocked = self.book.blocked
        for row, event in rows:
            if row.seq not in self.window and row.seq not in self.book and row.lane not in blocked:
                self.window.add(self._item(event, row.at, tries=row.tries, stored=True))

    def next(self, under_way: Collection[Item], now: float) -> Item | None:
        """Return what is to be sent beside what is under way; None: nothing, for now."""
        if len(under_way) >= self._circuit.room(now, PARALLEL):
            return None
        if self._circuit.until is not None:  # the one that finds out whether the endpoint is back
            return self.window.take_fresh() or self.window.take_stored()
        may_retry = sum(item.stored for item in under_way) < RETRIES
        return (may_retry and self.window.take_stored()) or self.window.take_fresh()

    def conclude(self, item: Item, answer: Answer, now: float) -> Fate:
        """Do what follows from an answer."""
        result = fate(answer.status)
        if result is Fate.DELIVERED:
            self.book.delivered(item)
            self.window.settle(item)
        elif result is Fate.REFUSED or _is_over(item, now):
            self._park(item, answer.words, now)
            self.window.settle(item)
        else:
            behind = self.window.block(item)
            self.book.retry(item, next_try(item.tries + 1, now, answer.hint), answer.words)
            self.book.behind(behind)
        if result is Fate.FAILED:
            self._failed(answer, now)
        elif self._circuit.succeed():
            self._tell(log.info, "webhook.back")
        return result

    def _failed(self, answer: Answer, now: float) -> None:
        if self._circuit.fail(now, answer.words, hint=answer.hint, overrun=answer.status == _TOO_MANY):
            self._tell(log.error, "webhook.down", problem=answer.words)
            for item in self.window.give_up(now - PATIENCE):
                self._park(item, answer.words, now)

    def _park(self, item: Item, problem: str, now: float) -> None:
        self._tell(log.warning, "webhook.parked", id=item.id, problem=problem)
        self.book.park(item, problem, now)

    def _tell(self, write: Callable[..., object], what: str, **values: str) -> None:
        with suppress(OSError):  # the log may be on a disk that is full, and the events go on
            write(what, url=self._target.shown, **values)

    def _item(self, event: Event, at: float, *, tries: int = 0, stored: bool = False) -> Item:
        # The same bytes at every try, those that /v1/events has for it.
        body = json.dumps(event_view(event), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return Item(seq=event.seq, id=event.id, lane=event.lane, at=at, body=body, tries=tries, stored=stored)


def _is_over(item: Item, now: float) -> bool:
    return now - item.at > PATIENCE
