"""What an endpoint's answer means, and when something is tried again. Pure: no clock, no socket, no database.

An event has its own ladder, from 5 s up, until its time is over. An endpoint that fails again and again is left alone
and then tried with one event at a time, at most five minutes apart: it may be down for a night and must be found soon.
"""

import random
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus

#: Seconds from one try of an event to the next; the last one repeats.
LADDER = (5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 3 * 3600.0, 6 * 3600.0, 12 * 3600.0)
#: Seconds after which an event that is not taken is parked (CONTRACT 3.6).
PATIENCE = 72 * 3600.0
#: Failures in a row, of whichever events, that count as the endpoint's own.
ENOUGH = 5
#: Seconds for which a failing endpoint is left alone; the last one repeats.
PAUSES = (5.0, 15.0, 60.0, 300.0)
#: ``Retry-After`` is obeyed within these bounds (seconds).
HINT_MAX = 3600.0
#: Jitter only lengthens, by up to this share.
JITTER = 0.1

#: A refusal that may pass (CONTRACT 3.6).
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


class Fate(Enum):
    """What follows from a try."""

    DELIVERED = "delivered"
    REFUSED = "refused"  #: the event will not be taken: it is parked
    FAILED = "failed"  #: it is tried again


def fate(status: int | None) -> Fate:
    """Return what follows from a status; None: there was no answer. A redirect is a failure."""
    if status is None:
        return Fate.FAILED
    if HTTPStatus(200) <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Fate.DELIVERED
    refused = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return Fate.REFUSED if refused and status not in _PASSING else Fate.FAILED


def next_try(tries: int, now: float, hint: float | None = None) -> float:
    """Return when an event is tried again after so many failures; ``hint``: the endpoint's Retry-After in seconds."""
    return now + _wait(LADDER, tries, hint)


@dataclass(frozen=True, slots=True)
class Failure:
    """What was wrong with an endpoint the last time."""

    at: float
    problem: str


class Circuit:
    """Whether an endpoint is tried with everything, with one event, or not now."""

    def __init__(self) -> None:
        self.until: float | None = None  #: when the pause ends; None: there is none
        self.failure: Failure | None = None
        self._failures = 0
        self._pauses = 0

    def room(self, now: float, most: int) -> int:
        """Return how many requests may be under way."""
        if self.until is None:
            return most
        return 1 if now >= self.until else 0

    def succeed(self) -> bool:
        """Note that the endpoint answers; whether a pause ends with that."""
        ended = self.until is not None
        self.until = None
        self._failures = self._pauses = 0
        return ended

    def fail(self, now: float, problem: str, *, hint: float | None = None, overrun: bool = False) -> bool:
        """Note a failure; whether a pause begins with it. ``overrun``: the endpoint says that it gets too much."""
        self.failure = Failure(now, problem)
        if self.until is not None and now < self.until:
            return False  # it was under way when the pause began
        self._failures += 1
        if self._failures < ENOUGH and not overrun:
            return False
        self._pauses += 1
        self.until = now + _wait(PAUSES, self._pauses, hint)
        return True


def _wait(steps: tuple[float, ...], number: int, hint: float | None) -> float:
    step = max(steps[min(number, len(steps)) - 1], min(hint or 0.0, HINT_MAX))
    return step * random.uniform(1, 1 + JITTER)  # noqa: S311  no secret
