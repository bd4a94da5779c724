"""What an answer said of an older code, held against what a peer saw of it: may that mail have come, and when.

*Handed over* means that the mail was written; a peer reads it later. So the instant at which it was read proves nothing
by itself against an answer that was on its way at the same time. What holds for certain:
what an answer calls ended never comes; what it calls raced may come at any time; what it does not name at all was over
before it, dot and reply, so that it cannot come after the answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from tests.support.recording_peer import Arrival


class Said(Enum):
    """What the answer to a newer code's submit, or to a cancel, says of the message."""

    ENDED = auto()  #: it is superseded or cancelled
    RACED = auto()  #: its mail was being handed over
    NOTHING = auto()  #: it had its outcome already


@dataclass(frozen=True, slots=True)
class Revocation:
    """A message that is no longer wanted."""

    message: str
    by: str  #: whose answer: the newer message, or the cancel
    said: Said
    answered_at: float  #: when the answer was read, monotonic seconds


def violations(
    revocations: Sequence[Revocation], arrivals: Mapping[str, Sequence[Arrival]], states: Mapping[str, str]
) -> list[str]:
    """Return what does not hold, in sentences."""
    return [
        f"{revocation.message} {problem}"
        for revocation in revocations
        for problem in _problems(revocation, arrivals.get(revocation.message, ()), states[revocation.message])
    ]


def _problems(revocation: Revocation, arrivals: Sequence[Arrival], state: str) -> Iterator[str]:
    by = revocation.by
    if revocation.said is Said.ENDED:
        if state not in ("superseded", "cancelled"):
            yield f"is {state}, and {by} says that it has ended"
        if arrivals:
            yield f"was handed over, and {by} says that it has ended"
    if revocation.said is Said.NOTHING and any(arrival.body_at > revocation.answered_at for arrival in arrivals):
        yield f"was handed over after the answer of {by}, which does not name it"
    dots = sum(arrival.dot_at is not None for arrival in arrivals)
    if dots != (state == "sent"):
        yield f"is {state}, and its mail came {dots} times"
