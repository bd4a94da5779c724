"""What an attempt's end does to its message: the total rule from (message, attempts) to (state, next try, events).

Pure. It is applied inside the transaction that records the attempt, to the row as it stands there: a message that was
superseded or cancelled while its dot was in flight is decided by what came back, one that was still before the dot
has its state already and only gains the attempt.

A mail that may have left stays so: after an ambiguous attempt a message ends as sent or as unknown, whatever comes back
later. Not even a 5yz on the recipient speaks of the first copy: the server had taken recipient and mail before the line
was lost, and what it refuses now may be that copy's own doing (the mailbox is full, the mail a duplicate).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mailsvc.domain import fallback, retry
from mailsvc.domain.event import EventType
from mailsvc.domain.message import Message, MessageState, Outcome
from mailsvc.domain.outcome import Attempt, Category, Permanence

#: A mail whose connection was lost after the dot is repeated once: at most two copies of a code ever leave.
AMBIGUOUS_MAX = 2
#: What tells most of why no try was taken comes first: words on the recipient, a wait, us, the mail, the far system.
TELLING = (
    Category.USER_UNKNOWN,
    Category.DOMAIN_UNKNOWN,
    Category.MAILBOX_DISABLED,
    Category.UNKNOWN_OR_REFUSED,
    Category.RECIPIENT_REFUSED,
    Category.MAILBOX_FULL,
    Category.GREYLISTED,
    Category.RATE_LIMITED,
    Category.REPUTATION_BLOCKED,
    Category.AUTH_FAILED,
    Category.SPAM_BLOCKED,
    Category.CONTENT_REJECTED,
    Category.MESSAGE_TOO_LARGE,
    Category.REMOTE_TEMPORARY,
    Category.REMOTE_ERROR,
    Category.NETWORK_ERROR,
    Category.UNKNOWN,
)


@dataclass(frozen=True, slots=True)
class Settlement:
    """The message after an attempt: either ``outcome`` or ``next_attempt_at`` is set, or neither when it had ended."""

    outcome: Outcome | None = None
    next_attempt_at: float | None = None
    events: tuple[EventType, ...] = ()


def settle(
    message: Message, tries: Sequence[Attempt], *, now: float, jitter: float, has_fallback: bool = False
) -> Settlement:
    """Decide what follows from the last of a message's attempts; ``message`` is the row as it was before that.

    ``has_fallback`` tells whether there is a second route.
    """
    attempt = tries[-1]
    if message.state.final:
        return Settlement()
    match attempt.permanence:
        case Permanence.DELIVERED:
            return _sent(attempt, now)
        case Permanence.AMBIGUOUS:
            return _after_ambiguous(message, tries, now)
        case _ if message.revoked:
            return _undelivered(message, tries, MessageState(message.revoked), now, reply=attempt.reply)
        case Permanence.STOPPED:
            return _again(message, tries, now, retry.soon_at(message, now))
        case Permanence.TRANSIENT | Permanence.PERMANENT:
            return _not_taken(message, tries, now, jitter, has_fallback=has_fallback)


def expire(message: Message, tries: Sequence[Attempt], *, now: float) -> Settlement:
    """End a queued message whose deadline leaves no further try; the attempt that tells most says why.

    A server's own "expired" (RFC 3463 X.4.7) tells how, not why: it is no cause.
    """
    told = {attempt.category for attempt in tries if attempt.permanence is not Permanence.STOPPED}
    cause = next((category for category in TELLING if category in told), None)
    return _undelivered(message, tries, MessageState.EXPIRED, now, category=Category.EXPIRED, cause=cause, at_risk=True)


def give_up(message: Message, tries: Sequence[Attempt], why: str, *, now: float) -> Settlement:
    """End a queued message whose mail cannot be made any more."""
    return _undelivered(message, tries, MessageState.FAILED, now, category=Category.UNKNOWN, reply=why)


def _sent(attempt: Attempt, now: float) -> Settlement:
    outcome = Outcome(
        state=MessageState.SENT, at=now, category=Category.DELIVERED, reply=attempt.reply, relayed=attempt.relayed
    )
    return Settlement(outcome, None, (EventType.MESSAGE_SENT,))


def _after_ambiguous(message: Message, tries: Sequence[Attempt], now: float) -> Settlement:
    repeats = message.ambiguous + 1 < AMBIGUOUS_MAX
    if repeats and not message.revoked and retry.repeat_fits(message, now):
        return Settlement(None, now, (EventType.MESSAGE_DEFERRED,))
    return _unknown(message, tries, now)


def _not_taken(
    message: Message, tries: Sequence[Attempt], now: float, jitter: float, *, has_fallback: bool
) -> Settlement:
    """Go on after a refusal or deferral: by the plan, by the second route where that comes first; or end it."""
    attempt = tries[-1]
    final = attempt.permanence is Permanence.PERMANENT and not _others_may_take(tries)
    planned = None if final else retry.next_attempt_at(message, attempt, now, jitter)
    second = fallback.begins_at(message, tries, now) if has_fallback else None
    at = min((at for at in (planned, second) if at is not None), default=None)
    if final and at is None:
        return _undelivered(message, tries, MessageState.FAILED, now, category=attempt.category, reply=attempt.reply)
    return _again(message, tries, now, at)


def _others_may_take(tries: Sequence[Attempt]) -> bool:
    """Whether a refusal is one host's, or the second route's, and says nothing of a recipient whom others put off.

    Such as a secondary that is not responsible ("relaying denied") beside a primary that is busy.
    """
    last = tries[-1]
    if fallback.of_recipient(last) or any(attempt.ambiguous for attempt in tries):
        return False
    first = [attempt for attempt in tries if not attempt.fallback and attempt.permanence is not Permanence.STOPPED]
    if last.fallback:
        return bool(first) and (first[-1].permanence is Permanence.TRANSIENT or _others_may_take(first))
    put_off = any(attempt.permanence is Permanence.TRANSIENT and attempt.ip != last.ip for attempt in first)
    return put_off and last.category is Category.REMOTE_ERROR


def _again(message: Message, tries: Sequence[Attempt], now: float, at: float | None) -> Settlement:
    if at is None:
        return expire(message, tries, now=now)
    return Settlement(None, at, (EventType.MESSAGE_DEFERRED,))


def _undelivered(
    message: Message,
    tries: Sequence[Attempt],
    state: MessageState,
    now: float,
    *,
    category: Category | None = None,
    cause: Category | None = None,
    reply: str | None = None,
    at_risk: bool = False,
) -> Settlement:
    """End a message none of whose attempts delivered it: as ``state``, unless one may have left a copy."""
    if message.ambiguous:
        return _unknown(message, tries, now, at_risk=at_risk)
    outcome = Outcome(state=state, at=now, category=category, cause=cause, reply=reply)
    return _ended(message, outcome, at_risk=at_risk)


def _unknown(message: Message, tries: Sequence[Attempt], now: float, *, at_risk: bool = False) -> Settlement:
    """End a message of which a copy may have arrived; the attempt that may have left it says how."""
    lost = next((attempt for attempt in reversed(tries) if attempt.ambiguous), None)
    outcome = Outcome(state=MessageState.UNKNOWN, at=now, reply=lost.reply if lost else None)
    return _ended(message, outcome, at_risk=at_risk)


def _ended(message: Message, outcome: Outcome, *, at_risk: bool) -> Settlement:
    """End a message; that it was at risk is told first, where it was and nobody could tell before."""
    late = at_risk or outcome.at >= message.half_life
    warned = message.at_risk or message.revoked is not None
    ended = EventType(f"message.{outcome.state}")
    return Settlement(outcome, None, (EventType.MESSAGE_AT_RISK, ended) if late and not warned else (ended,))
