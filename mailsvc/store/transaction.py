"""What a store function gets to work with while it writes: the connection, the cipher, the gate, and the event log.

Whatever changes a state emits its event here, in the same transaction (DESIGN 2.4).
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, insert

from mailsvc.domain.event import Event, EventType
from mailsvc.domain.guidance import Guide
from mailsvc.domain.identifier import new_id
from mailsvc.domain.mass_change import Shares
from mailsvc.store.cipher import Cipher
from mailsvc.store.gate import DotGate
from mailsvc.store.schema import events
from mailsvc.store.sql import Prepared, binds

_FIELDS = ("id", "type", "at", "message", "challenge", "customer", "address", "data")
_APPEND = Prepared(insert(events).values(binds(events, {name: name for name in _FIELDS})).returning(events.c.seq))


class StoreUnavailable(Exception):
    """The store could not commit; nothing of the work was done. Try again later."""


class Transaction:
    """One synced transaction, shared by all the work that waited for it."""

    def __init__(self, connection: Connection, cipher: Cipher, gate: DotGate, shares: Shares, guide: Guide) -> None:
        self.connection = connection
        self.cipher = cipher
        self.gate = gate
        self.shares = shares
        self.guide = guide
        self.events: list[Event] = []
        self.begun: list[str] = []  #: ids of the messages whose attempt the work's caller is to run
        self._undo: list[Callable[[], None]] = []

    def emit(
        self,
        type_: EventType,
        at: float,
        *,
        data: Mapping[str, Any],
        message: str | None = None,
        challenge: str | None = None,
        customer: str | None = None,
        address: str | None = None,
    ) -> None:
        """Append an event to the log; it is published once the transaction is durable."""
        fields: dict[str, Any] = {
            "id": new_id("evt", at),
            "at": at,
            "message": message,
            "challenge": challenge,
            "customer": customer,
            "address": address,
            "data": data,
        }
        appended = _APPEND.first(self.connection, type=type_.value, **fields)
        self.events.append(Event(seq=appended.seq, type=type_, **fields))

    def on_rollback(self, undo: Callable[[], None]) -> None:
        """Register what must be taken back in memory when this work is rolled back."""
        self._undo.append(undo)

    def mark(self) -> tuple[int, int, int]:
        """Return a point to roll back to."""
        return len(self.events), len(self.begun), len(self._undo)

    def roll_back(self, mark: tuple[int, int, int] = (0, 0, 0)) -> None:
        """Forget the events and take back the effects in memory since a mark, the latest first."""
        events, begun, undo = mark
        del self.events[events:]
        del self.begun[begun:]
        while len(self._undo) > undo:
            self._undo.pop()()
