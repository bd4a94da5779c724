"""The submit transaction: one durable step from a checked request to a queued message.

It decides, against what is stored, whether the request is a replay, whether the address had enough mails, and which
older codes of the challenge end now. The message is stored as claimed: the accepting process delivers it at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select

from mailsvc.domain.event import EventType
from mailsvc.domain.identifier import new_id, new_reference
from mailsvc.domain.message import Message, MessageState, Revocation
from mailsvc.domain.rate import Limits, retry_after
from mailsvc.domain.submission import Submission
from mailsvc.domain.view import accepted_view
from mailsvc.store import idempotency, messages
from mailsvc.store.address_states import admit
from mailsvc.store.idempotency import Claim
from mailsvc.store.lifecycle import enter, revoke
from mailsvc.store.schema import challenges
from mailsvc.store.schema import messages as table
from mailsvc.store.sql import Prepared, upsert
from mailsvc.store.transaction import Transaction

_RECENT = Prepared(
    select(table.c.accepted_at)
    .where(
        table.c.address == bindparam("address"),
        table.c.accepted_at > bindparam("since"),
        table.c.is_code == bindparam("is_code"),
    )
    .order_by(table.c.accepted_at.desc())
    .limit(bindparam("most"))
)
_LOCK = upsert(challenges, ["api_key", "challenge"], ["message", "at"])
_EARLIER = Prepared(
    select(table).where(table.c.challenge == bindparam("challenge"), table.c.api_key == bindparam("api_key"))
)


class RateLimited(Exception):
    """The address had as many mails as its limits allow."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"try again in {seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Submitted:
    """The answer to a submit, and the message to deliver unless the answer is a replay."""

    answer: dict[str, Any]
    message: Message | None


def submit(tx: Transaction, request: Submission, limits: Limits, claim: Claim | None) -> Submitted:
    """Accept a message.

    Raises `AddressUndeliverable`, `RateLimited`, or `IdempotencyConflict` where the key has answered another body.
    """
    now = request.accepted_at
    if claim and (answer := idempotency.find(tx.connection, tx.cipher, claim, now)):
        return Submitted(answer, None)
    tag, address = admit(tx, request.address, now, force=request.force)
    _check_rate(tx, request, limits)
    message_id = new_id("msg", now)
    older = _lock_challenge(tx, request, message_id)
    message = _message(request, message_id, tag, frozenset(row.reference for row in older))
    superseded, raced = _supersede(tx, older, now) if message.is_code else ([], [])
    messages.add(tx, message)
    enter(tx, message)
    messages.emit(tx, message, [EventType.MESSAGE_ACCEPTED], now, made=(), address=address)
    answer = accepted_view(message, superseded, raced, address)
    if claim:
        idempotency.keep(tx, claim, answer, now)
    return Submitted(answer, message)


def _check_rate(tx: Transaction, request: Submission, limits: Limits) -> None:
    if not limits:
        return
    now = request.accepted_at
    earlier = _RECENT.all(
        tx.connection,
        address=request.address.identity,
        since=now - max(seconds for _, seconds in limits),
        is_code=request.is_code,
        most=max(count for count, _ in limits),
    )
    wait = retry_after(limits, [row.accepted_at for row in earlier], now)
    if wait is not None:
        raise RateLimited(wait)


def _lock_challenge(tx: Transaction, request: Submission, message_id: str) -> Sequence[Any]:
    """Return the earlier messages of the challenge; a second submit of the same challenge waits for this one."""
    if request.challenge is None:
        return ()
    if request.is_code:
        _LOCK.all(
            tx.connection,
            api_key=request.api_key,
            challenge=request.challenge,
            message=message_id,
            at=request.accepted_at,
        )
    return _EARLIER.all(tx.connection, challenge=request.challenge, api_key=request.api_key)


def _message(request: Submission, message_id: str, tag: str, taken: frozenset[str]) -> Message:
    return Message(
        id=message_id,
        api_key=request.api_key,
        to=request.address.wire,
        template=request.template,
        is_code=request.is_code,
        locale=request.locale,
        code=request.code,
        reference=new_reference(taken),
        tag=tag,
        challenge=request.challenge,
        customer=request.customer,
        accepted_at=request.accepted_at,
        expires_at=request.expires_at,
        context=request.context,
        fence=1,
    )


def _supersede(tx: Transaction, older: Sequence[Any], now: float) -> tuple[list[str], list[str]]:
    """End the older codes of the challenge; return the ids that ended and those already handed over."""
    superseded: list[str] = []
    raced: list[str] = []
    for old in (messages.from_row(row) for row in older if row.is_code and row.state == MessageState.QUEUED):
        ended = revoke(tx, old, Revocation.SUPERSEDED, now)
        (superseded if ended.state.final else raced).append(old.id)
    return superseded, raced
