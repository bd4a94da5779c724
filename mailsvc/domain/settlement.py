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

from mailsvc.domain import retry
from mailsvc.domain.event import EventType
from mailsvc.domain.message import Message, MessageState, Outcome
from mailsvc.domain.outcome import Attempt, Category, Permanence

#: A mail whose connection was lost after the dot is repeated once: at most two copies of a code ever leave.
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
            return _sent(attempt, now)
        case Permanence.AMBIGUOUS:
            return _after_ambiguous(message, tries, now)
        case _ if message.revoked:
            return _undelivered(message, tries, MessageState(message.revoked), now, reply=attempt.reply)
        case Permanence.PERMANENT if has_fallback and retry.fallback_may_help(message, tries, now):
            return _again(message, tries, now, retry.soon_at(message, now))
        case Permanence.PERMANENT:
            return _undelivered(
                message, tries, MessageState.FAILED, now, category=attempt.category, reply=attempt.reply
            )
        case Permanence.STOPPED:
            return _again(message, tries, now, retry.soon_at(message, now))
        case Permanence.TRANSIENT:
            return _again(message, tries, now, retry.next_attempt_at(message, attempt, now, jitter))


def expire(message: Message, tries: Sequence[Attempt], *, now: float) -> Settlement:
    """End a queued message whose deadline leaves no further try; the last attempt that was not stopped says why."""
    told = (attempt.category for attempt in reversed(tries) if attempt.permanence is not Permanence.STOPPED)
    return _undelivered(message, tries, MessageState.EXPIRED, now, category=Category.EXPIRED, cause=next(told, None))


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
    return _unknown(tries, now)


def _again(message: Message, tries: Sequence[Attempt], now: float, at: float | None) -> Settlement:
    if at is None:
        gone = expire(message, tries, now=now)
        at_risk = () if message.at_risk else (EventType.MESSAGE_AT_RISK,)
        return Settlement(gone.outcome, None, (*at_risk, *gone.events))
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
) -> Settlement:
    """End a message none of whose attempts delivered it: as ``state``, unless one may have left a copy."""
    if message.ambiguous:
        return _unknown(tries, now)
    outcome = Outcome(state=state, at=now, category=category, cause=cause, reply=reply)
    return Settlement(outcome, None, (EventType(f"message.{state}"),))


def _unknown(tries: Sequence[Attempt], now: float) -> Settlement:
    """End a message of which a copy may have arrived; the attempt that may have left it says how."""
    lost = next((attempt for attempt in reversed(tries) if attempt.ambiguous), None)
    outcome = Outcome(state=MessageState.UNKNOWN, at=now, reply=lost.reply if lost else None)
    return Settlement(outcome, None, (EventType.MESSAGE_UNKNOWN,))
