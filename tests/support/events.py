"""Events as the store publishes them."""

import itertools
from dataclasses import replace
from typing import Any

from mailsvc.domain.event import Event, EventType
from mailsvc.domain.message import MessageState, Outcome
from mailsvc.domain.outcome import Attempt
from mailsvc.domain.view import message_view
from tests.support.domain import NOW, message

_QUEUED = {EventType.MESSAGE_ACCEPTED, EventType.MESSAGE_DEFERRED, EventType.MESSAGE_AT_RISK, EventType.MESSAGE_USED}
_SEQ = itertools.count(1)


def event(type_: EventType, *attempts: Attempt, state: str | None = None, at: float = NOW, **fields: Any) -> Event:
    """Return an event of a message that has these attempts; ``state`` as the type tells, if not given."""
    final = MessageState(state) if state else None if type_ in _QUEUED else MessageState(type_.rpartition(".")[2])
    subject = message(**fields)
    if final:
        subject = replace(subject, state=final, outcome=Outcome(state=final, at=at))
    if type_ is EventType.MESSAGE_USED:
        subject = replace(subject, used_at=at)
    seq = next(_SEQ)
    return Event(
        seq=seq,
        id=f"evt_{seq}",
        type=type_,
        at=at,
        message=subject.id,
        challenge=subject.challenge,
        customer=subject.customer,
        address=subject.to,
        data=message_view(subject, attempts),
    )
