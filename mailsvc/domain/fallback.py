"""When the second route is taken, where there is one: a pure function of the message and its tries (DESIGN 4).

What was said decides, not at which stage. After a word on the recipient, or a mail that may have arrived, never. A
greylist or a busy mailbox is waited out where it began. All else is what the second route is for, a refusal of us or of
the mail, trouble of a host, of DNS or of a relay: at once where the first one refuses, else in turn with it once that
has got nowhere for a while.
"""

from collections.abc import Sequence

from mailsvc.domain.message import Message
from mailsvc.domain.outcome import Attempt, Category, Permanence, Scope

#: The first route is tried alone for so long after acceptance (seconds), in a short life for this share of what is
#: usable; a try of its own leaves the second one as much.
ALONE = 15.0
ALONE_SHARE = 1 / 3
#: The first try by the second route begins so long at least before the mail must be handed over (seconds).
ROOM_MIN = 3.0

_OF_NOBODY = frozenset({Category.REMOTE_ERROR, Category.REMOTE_TEMPORARY, Category.UNKNOWN})
_ADDRESS, _MAILBOX = ["1"], ["2"]  # RFC 3463 3.2, 3.3: the subject of a status code


def alone_until(message: Message) -> float:
    """Return the instant from which the second route is tried in turn with the first."""
    return message.accepted_at + _share(message)


def leave_by(message: Message) -> float:
    """Return the instant at which a try by the first route gives way, so that the second one has time as well."""
    return message.hand_over_by - _share(message)


def is_next(message: Message, tries: Sequence[Attempt], now: float) -> bool:
    """Whether the try that begins now takes the second route, where there is one."""
    if not tries:
        return False
    last = tries[-1]
    if last.permanence is Permanence.STOPPED or not _may_change(tries):
        return last.fallback
    if last.fallback or _refused_by_second(tries):
        return False
    return last.permanence is Permanence.PERMANENT or now >= alone_until(message)


def begins_at(message: Message, tries: Sequence[Attempt], now: float) -> float | None:
    """Return when the second route is tried whatever the plan says: at once after a refusal, else the first time.

    None where it was tried, what came back forbids it, or too little life is left.
    """
    last = tries[-1]
    refused = last.permanence is Permanence.PERMANENT
    if refused:
        out = last.fallback or _refused_by_second(tries) or last.host is None  # what we refuse ourselves stays refused
    else:
        out = last.permanence is Permanence.STOPPED or any(one.fallback for one in tries)
    if out or not _may_change(tries):
        return None
    at = now if refused else max(now, alone_until(message))
    return at if message.hand_over_by - at >= ROOM_MIN else None


def of_recipient(attempt: Attempt) -> bool:
    """Whether what came back is about the recipient: by its category, where that names nobody by its status code."""
    if attempt.category in _OF_NOBODY and attempt.scope in (Scope.MESSAGE, Scope.RECIPIENT):
        return (attempt.status or "").split(".")[1:2] in (_ADDRESS, _MAILBOX)
    return attempt.category.of_recipient


def _may_change(tries: Sequence[Attempt]) -> bool:
    """Whether the other route may be taken after some tries: by the last word of each host of the route used last."""
    if any(one.ambiguous or one.category.of_recipient for one in tries):
        return False
    last = tries[-1]
    if last.permanence is Permanence.PERMANENT:
        return not of_recipient(last)
    said = (one for one in tries if one.fallback == last.fallback and one.permanence is not Permanence.STOPPED)
    latest = {one.ip: one for one in said}
    return not any(one.category is Category.GREYLISTED or of_recipient(one) for one in latest.values())


def _refused_by_second(tries: Sequence[Attempt]) -> bool:
    return any(one.fallback and one.permanence is Permanence.PERMANENT for one in tries)


def _share(message: Message) -> float:
    return min(ALONE, max(0.0, message.hand_over_by - message.accepted_at) * ALONE_SHARE)
