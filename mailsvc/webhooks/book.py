"""What has changed for one endpoint and is not recorded yet; one transaction takes many changes."""

from collections.abc import Iterable

from mailsvc.domain.identifier import new_id
from mailsvc.store.webhooks import Progress, Row
from mailsvc.webhooks.window import Item


class Book:
    """Notes changes until they are recorded."""

    def __init__(self, cursor: int) -> None:
        self._cursor = cursor  #: as it is recorded
        self._rows: dict[int, Row] = {}
        self._gone: dict[int, str] = {}

    def __contains__(self, seq: int) -> bool:
        return seq in self._rows or seq in self._gone

    @property
    def blocked(self) -> frozenset[str]:
        """Lanes in which an event waits for its next try."""
        return frozenset(row.lane for row in self._rows.values() if row.parked is None)

    def dirty(self, cursor: int) -> bool:
        """Whether there is anything to record, with the cursor where it is now."""
        return bool(self._rows or self._gone) or cursor != self._cursor

    def delivered(self, item: Item) -> None:
        """Note that an event was taken."""
        if item.stored:
            self._gone[item.seq] = item.lane

    def retry(self, item: Item, next_at: float, problem: str) -> None:
        """Note that a try failed, and when the next one is."""
        self._put(item, item.tries + 1, next_at=next_at, problem=problem)

    def behind(self, items: Iterable[Item]) -> None:
        """Note that events wait behind an earlier one of their lane."""
        for item in items:
            self._put(item, item.tries)

    def park(self, item: Item, problem: str, now: float) -> None:
        """Note that nothing more is tried."""
        self._put(item, item.tries + 1, problem=problem, parked=new_id("whp", now))

    def progress(self, cursor: int) -> Progress:
        """Return what is to be recorded."""
        return Progress(cursor, list(self._rows.values()), dict(self._gone))

    def recorded(self, progress: Progress) -> bool:
        """Strike off what is recorded; whether rows have changed with it."""
        self._cursor = progress.cursor
        for row in progress.rows:
            if self._rows[row.seq] is row:
                del self._rows[row.seq]
        for seq in progress.gone:
            del self._gone[seq]
        return bool(progress.rows or progress.gone)

    def _put(
        self,
        item: Item,
        tries: int,
        *,
        next_at: float | None = None,
        problem: str | None = None,
        parked: str | None = None,
    ) -> None:
        self._rows[item.seq] = Row(
            seq=item.seq, lane=item.lane, at=item.at, tries=tries, next_at=next_at, problem=problem, parked=parked
        )
