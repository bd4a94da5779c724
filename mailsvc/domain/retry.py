"""When to try again: a pure function of the message's times (DESIGN 4, retry moments).

Also which host the next try begins with, and how many it may ask. Never decides whether a verdict is final
(``settlement`` does), nor which route is taken (``fallback`` does).
"""

from collections.abc import Sequence

from mailsvc.domain.hint import retry_hint
from mailsvc.domain.message import Message
from mailsvc.domain.outcome import Attempt, Permanence, Scope

#: Seconds after acceptance. Postfix waits 300 s before its first retry, longer than a code lives.
MOMENTS = (3.0, 8.0, 20.0, 45.0, 90.0, 150.0, 220.0)
#: Notices live for hours: after the moments above, these (seconds after acceptance), then hourly.
NOTICE_MOMENTS = (600.0, 1200.0, 2400.0)
HOUR = 3600.0
#: The last try begins so long before the deadline (seconds): one on the deadline itself would hand nothing over.
LAST_TRY = 35.0
#: No retry of a code begins with less life than this (seconds).
RETRY_MIN_LIFE = 30.0
#: No retry of a mail that may have arrived begins with this life or less: the copy would hardly be worth it (seconds).
REPEAT_MIN_LIFE = 60.0
#: Such a retry is due so long before its last moment (seconds): the end before it has to be recorded.
REPEAT_MARGIN = 2.0
#: Two tries are at least so far apart (seconds).
MIN_GAP = 2.0
#: A wait shorter than the plan's is followed for so long (seconds) and so many attempts: a server that always names
#: short ones would be asked every two seconds, with a notice for days.
SHORT_HINTS = 300.0
SHORT_HINTS_ATTEMPTS = 12
#: A wait that the server named is made longer by this: its clock need not be ours (seconds).
HINT_MARGIN = 1.0
#: Attempts of one message, all its hosts and tries together; after that each try still asks so many hosts.
ATTEMPTS = 30
HOSTS_MIN = 2
#: Jitter lengthens the wait by at most this share: greylists count from the first try.
JITTER_SHARE = 0.1


def next_attempt_at(message: Message, attempt: Attempt, now: float, jitter: float) -> float | None:
    """Return the instant of the next try after one that ended now, None when none fits before the deadline.

    A wait that the server asked for in its reply is obeyed when it fits. ``jitter`` is a random number from 0 to 1.
    """
    last = repeat_by(message) if message.ambiguous else message.expires_at - LAST_TRY
    if now >= last:
        # A try that began before the last moment may have used it up: one more, if it still makes sense.
        return soon_at(message, now) if attempt.at < last else None
    wait = _next_moment(message, now) - now
    planned = max(min(now + wait * (1.0 + JITTER_SHARE * jitter), last), now + MIN_GAP)
    at = _hinted(message, attempt, now, planned=planned, last=last)
    return at if _life_left(message, at) else None


def repeat_by(message: Message) -> float:
    """Return the last instant for which a repeat of a mail that may have arrived is planned."""
    return message.expires_at - REPEAT_MIN_LIFE - REPEAT_MARGIN


def repeat_fits(message: Message, now: float) -> bool:
    """Whether a mail that may have arrived may be repeated now."""
    return message.expires_at - now > REPEAT_MIN_LIFE


def too_late(message: Message, now: float) -> bool:
    """Whether a try that is due is not to begin any more; the first one needs no more than the guard."""
    return now > message.hand_over_by or (message.ambiguous > 0 and not repeat_fits(message, now))


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


def hosts(message: Message) -> int:
    """Return how many hosts the next try may ask: what one message makes us do is bounded."""
    return max(HOSTS_MIN, ATTEMPTS - message.attempts)


def _hinted(message: Message, attempt: Attempt, now: float, *, planned: float, last: float) -> float:
    hint = retry_hint(attempt.reply or "")
    asked = None if hint is None else now + max(hint + HINT_MARGIN, MIN_GAP)
    if asked is None or asked > last:
        return planned
    followed = attempt.number <= SHORT_HINTS_ATTEMPTS and now - message.accepted_at <= SHORT_HINTS
    return asked if followed else max(asked, planned)


def _life_left(message: Message, at: float) -> bool:
    if message.ambiguous:
        return repeat_fits(message, at)
    return message.expires_at - at >= (RETRY_MIN_LIFE if message.is_code else 0.0)


def _next_moment(message: Message, now: float) -> float:
    moments = MOMENTS if message.is_code else MOMENTS + NOTICE_MOMENTS
    earliest = now + MIN_GAP
    for seconds in moments:
        if message.accepted_at + seconds >= earliest:
            return message.accepted_at + seconds
    return message.expires_at if message.is_code else now + HOUR
