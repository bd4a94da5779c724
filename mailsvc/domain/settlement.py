"""What an attempt's end does to its message: the total rule from (message, attempts) to (state, next try, events).

Pure. It is applied inside the transaction that records the attempt, to the row as it stands there: a message that was
superseded or cancelled while its dot was in flight is decided by what came back, one that was still before the dot
has its state already and only gains the attempt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mailsvc.domain import retry
from mailsvc.domain.event import EventType
from mailsvc.domain.message import Message, MessageState, Outcome
from mailsvc.domain.outcome import Attempt, Category, Permanence

#: A mail whose connection was lost after the dot is repeated while more than this remains (seconds).
REPEAT_MIN_LIFE = 60.0
#: It is repeated once: at most two copies of a code ever leave.
AMBIGUOUS_MAX = 2


@dataclass(frozen=True, slots=True)
class Settlement:
    """The message after an attempt: either ``outcome`` or ``next_attempt_at`` is set, or neither when it had ended."""

    outcome: Outcome | None = None
    next_attempt_at: float | None = None
    events: tuple[EventType, ...] = ()


def settle(  # noqa: PLR0911  one line per way an attempt can end
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
            return _end(MessageState.SENT, attempt, now, Category.DELIVERED)
        case Permanence.AMBIGUOUS:
            return _after_ambiguous(message, attempt, now)
        case _ if message.revoked:
            return _end(MessageState(message.revoked), attempt, now, None)
        case Permanence.PERMANENT if has_fallback and retry.fallback_may_help(message, tries, now):
            return _again(message, tries, now, retry.soon_at(message, now))
        case Permanence.PERMANENT:
            return _end(MessageState.FAILED, attempt, now, attempt.category)
        case Permanence.STOPPED:
            return _again(message, tries, now, retry.soon_at(message, now))
        case Permanence.TRANSIENT:
            return _again(message, tries, now, retry.next_attempt_at(message, attempt, now, jitter))


def expire(tries: Sequence[Attempt], *, now: float) -> Settlement:
    """End a queued message whose deadline leaves no further try; the last attempt that was not stopped says why."""
    told = (attempt.category for attempt in reversed(tries) if attempt.permanence is not Permanence.STOPPED)
    cause = next(told, None)
    outcome = Outcome(state=MessageState.EXPIRED, at=now, category=Category.EXPIRED, cause=cause)
    return Settlement(outcome, None, (EventType.MESSAGE_EXPIRED,))


def _after_ambiguous(message: Message, attempt: Attempt, now: float) -> Settlement:
    repeats = message.ambiguous + 1 < AMBIGUOUS_MAX
    if repeats and not message.revoked and message.expires_at - now > REPEAT_MIN_LIFE:
        return Settlement(None, now, (EventType.MESSAGE_DEFERRED,))
    return _end(MessageState.UNKNOWN, attempt, now, None)


def _again(message: Message, tries: Sequence[Attempt], now: float, at: float | None) -> Settlement:
    if at is None:
        gone = expire(tries, now=now)
        at_risk = () if message.at_risk else (EventType.MESSAGE_AT_RISK,)
        return Settlement(gone.outcome, None, (*at_risk, *gone.events))
    return Settlement(None, at, (EventType.MESSAGE_DEFERRED,))


def _end(state: MessageState, attempt: Attempt, now: float, category: Category | None) -> Settlement:
    outcome = Outcome(
        state=state,
        at=now,
        category=category,
        reply=attempt.reply,
        relayed=attempt.relayed,
    )
    return Settlement(outcome, None, (EventType(f"message.{state}"),))
