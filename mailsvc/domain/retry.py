"""When to try again: a pure function of the message's times (DESIGN 4, retry moments).

Never decides whether a verdict is final (``settlement`` does) and knows nothing of hosts yet.
"""

from collections.abc import Sequence

from mailsvc.domain.message import Message
from mailsvc.domain.outcome import Attempt, Permanence, Scope

#: Seconds after acceptance. Postfix waits 300 s before its first retry, longer than a code lives.
MOMENTS = (3.0, 8.0, 20.0, 45.0, 90.0, 150.0, 220.0)
#: Notices live for hours: after the moments above, these (seconds after acceptance), then hourly.
NOTICE_MOMENTS = (600.0, 1200.0, 2400.0)
HOUR = 3600.0
#: The last try of a code begins so long before its deadline (seconds).
LAST_TRY = 35.0
#: No retry of a code begins with less life than this (seconds).
RETRY_MIN_LIFE = 30.0
#: Two tries are at least so far apart (seconds).
MIN_GAP = 2.0
#: Jitter lengthens the wait by at most this share: greylists count from the first try.
JITTER_SHARE = 0.1


def next_attempt_at(message: Message, now: float, jitter: float) -> float | None:
    """Return the instant of the next try, None when none fits before the deadline.

    ``jitter`` is a random number from 0 to 1.
    """
    last = message.expires_at - (LAST_TRY if message.is_code else 0.0)
    if now >= last:
        return None
    wait = _next_moment(message, now) - now
    at = max(min(now + wait * (1.0 + JITTER_SHARE * jitter), last), now + MIN_GAP)
    return at if _life_left(message, at) else None


def soon_at(message: Message, now: float) -> float | None:
    """Return ``now`` when a repeat may begin at once, None when too little life is left."""
    return now if _life_left(message, now) else None


def stay_with(tries: Sequence[Attempt]) -> str | None:
    """Return the address of the host that last deferred the recipient: changing it would restart greylisting."""
    deferred = (
        attempt.ip
        for attempt in reversed(tries)
        if attempt.scope is Scope.RECIPIENT and attempt.permanence is Permanence.TRANSIENT
    )
    return next(deferred, None)


def _life_left(message: Message, at: float) -> bool:
    return message.expires_at - at >= (RETRY_MIN_LIFE if message.is_code else 0.0)


def _next_moment(message: Message, now: float) -> float:
    moments = MOMENTS if message.is_code else MOMENTS + NOTICE_MOMENTS
    earliest = now + MIN_GAP
    for seconds in moments:
        if message.accepted_at + seconds >= earliest:
            return message.accepted_at + seconds
    return message.expires_at if message.is_code else now + HOUR
