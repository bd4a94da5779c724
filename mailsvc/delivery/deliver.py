"""One round of one message: compose, sign, check, hand over through the gates, record.

Decides nothing about retries or states: what an end means is ``domain.classify``'s, what follows from it
``domain.settlement``'s, applied in the store. Nothing here raises for bad luck: every attempt ends as a recorded one.
"""

import asyncio
import math
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial

import structlog

from mailsvc.clock import Clock
from mailsvc.delivery.envelope import Envelope
from mailsvc.delivery.handed import Handed, Round, failed
from mailsvc.delivery.overdue import Overdue
from mailsvc.delivery.routes import Route
from mailsvc.delivery.session import Gate, Kind
from mailsvc.domain import fallback, retry
from mailsvc.domain.classify import AMBIGUOUS, DELIVERED, NETWORK_ERROR, STOPPED, UNSENDABLE, Classifier
from mailsvc.domain.echo import gives_away
from mailsvc.domain.identifier import return_path
from mailsvc.domain.message import Message
from mailsvc.domain.outcome import Attempt, Verdict
from mailsvc.domain.reply import Stage
from mailsvc.domain.secret import Secret
from mailsvc.store import Store, StoreUnavailable, lifecycle
from mailsvc.templates import MailRefused

#: The reply to the dot is awaited until so long after the deadline (seconds); the contract gives 15 for the outcome.
ANSWER_LATEST = 10.0
#: Seconds between two tries to record an attempt in a store that cannot write.
RECORD_AGAIN = 0.5
#: A relay is asked to tell what became of the mail, success too.
_NOTIFY_RELAY = "SUCCESS,FAILURE,DELAY"

#: Reply code and enhanced status code at the head of a reply.
_CODES = re.compile(r"[2-5]\d\d(?: [245]\.\d{1,3}\.\d{1,3})?(?= )", re.ASCII)

log = structlog.get_logger(__name__)


#: Makes the finished mail of a message: composed, signed, its bytes checked. The same row gives the same bytes.
#: Raises `MailRefused`.
Finish = Callable[[Message], bytes]


class Delivery:
    """Runs attempts on one route."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        finish: Finish,
        signers: Executor,
        classifier: Classifier,
        route: Route,
        fallback: Route | None,
        bounce_domain: str,
    ) -> None:
        """``signers`` runs ``finish``: RSA takes longer than the event loop should wait."""
        self._route = route
        self._fallback = fallback
        self._store = store
        self._clock = clock
        self._overdue = Overdue(clock)
        self._finish = finish
        self._signers = signers
        self._classifier = classifier
        self._bounce_domain = bounce_domain

    async def attempt(self, message: Message, due: float) -> Message:
        """Try to hand a claimed message over; return it as it stands after the round is recorded.

        ``due`` is the instant at which the round could have begun.
        """
        route = self._fallback if self._fallback is not None and message.by_fallback else self._route
        made = await self._round(message, route)
        attempts = self._attempts(message, made, waited=self._clock.now() - due, by=route)
        concluded = await self._record(message.id, attempts)
        self._store.gate.leave(message.id)
        return concluded

    async def _round(self, message: Message, route: Route) -> list[Handed]:
        asked: set[Stage] = set()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            async with self._overdue.after(message.expires_at + ANSWER_LATEST):
                data = await loop.run_in_executor(self._signers, self._finish, message)
                return await route.hand_over(self._envelope(message, data, route), self._turn(message, asked))
        except MailRefused as error:
            return [failed(Stage.CONNECT, str(error), begun=begun, verdict=UNSENDABLE)]
        except TimeoutError:
            what = "its time was over while the machine stood still"
        except Exception as error:  # noqa: BLE001  whatever failed, the message must not be lost
            log.error("delivery.failed", message=message.id, error=type(error).__name__)  # noqa: TRY400  no values in the log
            what = f"the service failed: {type(error).__name__}"
        # A fault of ours is no verdict on the message: it stays temporary, and ambiguous after the last gate.
        verdict = AMBIGUOUS if Stage.DOT in asked else NETWORK_ERROR
        return [failed(Stage.CONNECT, what, begun=begun, verdict=verdict)]

    def _attempts(self, message: Message, made: Sequence[Handed], *, waited: float, by: Route) -> list[Attempt]:
        """Return the sessions of a round as attempts; the first one waited, each ends where the next one begins."""
        loop_time = asyncio.get_running_loop().time()
        offset = self._clock.now() - loop_time
        ends = [*(handed.begun for handed in made[1:]), loop_time]
        return [
            _attempt(
                handed,
                verdict=handed.verdict or self._verdict(handed),
                number=message.attempts + number,
                offset=offset,
                ended_at=end + offset,
                reply=_without(message.code, handed.ended.text),
                queue=max(0.0, waited - (loop_time - handed.begun)) if number == 1 else None,
                relays=by.relays,
                fallback=by is self._fallback,
            )
            for number, (handed, end) in enumerate(zip(made, ends, strict=True), 1)
        ]

    def _verdict(self, handed: Handed) -> Verdict:
        ended = handed.ended
        if ended.kind is Kind.ACCEPTED:
            return DELIVERED
        if ended.reply is not None and ended.kind in (Kind.REFUSED, Kind.DEFERRED):
            return self._classifier.verdict(ended.reply, ended.stage, handed.host)
        return {Kind.AMBIGUOUS: AMBIGUOUS, Kind.STOPPED: STOPPED}.get(ended.kind, NETWORK_ERROR)

    def _envelope(self, message: Message, data: bytes, route: Route) -> Envelope:
        life = message.hand_over_by - self._clock.now()
        return Envelope(
            reverse_path=return_path(message.tag, self._bounce_domain),
            forward_path=message.to,
            data=data,
            envid=message.id,
            notify=_NOTIFY_RELAY if route.relays else "FAILURE,DELAY",
            deliver_by=life if message.is_code else None,
        )

    def _turn(self, message: Message, asked: set[Stage]) -> Round:
        now = self._clock.now()
        offset = asyncio.get_running_loop().time() - now
        alone_until = fallback.alone_until(message)
        gives_way = self._fallback is not None and not (message.by_fallback or message.ambiguous) and now < alone_until
        return Round(
            gate=self._gate(message, asked),
            hand_over_by=message.hand_over_by + offset,
            answer_by=message.expires_at + ANSWER_LATEST + offset,
            repeat_by=None if message.ambiguous else retry.repeat_by(message) + offset,
            stay_with=message.stay_with,
            give_way=alone_until + offset if gives_way else math.inf,
            offer_by=fallback.leave_by(message) + offset if gives_way else math.inf,
            hosts=retry.hosts(message),
        )

    def _gate(self, message: Message, asked: set[Stage]) -> Gate:
        gate = self._store.gate

        async def may_go_on(stage: Stage) -> str | None:
            if self._clock.now() > message.hand_over_by:
                return "too little of its life is left"
            ask = gate.admit if stage is Stage.DOT else gate.holds
            if not ask(message.id, message.fence):
                return "it was superseded, cancelled or taken over"
            asked.add(stage)
            return None

        return may_go_on

    async def _record(self, message_id: str, attempts: Sequence[Attempt]) -> Message:
        while True:
            now = self._clock.now()
            conclude = partial(
                lifecycle.conclude,
                message_id=message_id,
                made=attempts,
                now=now,
                has_fallback=self._fallback is not None,
            )
            try:
                return await self._store.write(conclude)
            except StoreUnavailable:
                await asyncio.sleep(RECORD_AGAIN)


def _without(code: Secret | None, text: str) -> str:
    """Return a server's words; only its reply codes where it repeats the mail, in whatever coding."""
    if code is None or not gives_away(text, code.reveal()):
        return text
    codes = _CODES.match(text)
    return f"{codes[0] if codes else ''} (the server repeats the mail; its words are not kept)".strip()


def _attempt(
    handed: Handed,
    *,
    verdict: Verdict,
    number: int,
    offset: float,
    ended_at: float,
    reply: str,
    queue: float | None,
    relays: bool,
    fallback: bool,
) -> Attempt:
    """Return a session as an attempt; ``offset`` leads from the event loop's clock to the service's."""
    ended = handed.ended
    times = [("queue", queue), ("dns", handed.dns), *ended.seconds]
    return Attempt(
        number=number,
        at=handed.begun + offset,
        ended_at=ended_at,
        host=handed.host,
        ip=handed.ip,
        destination=handed.destination,
        stage=ended.stage,
        reply=reply,
        category=verdict.category,
        permanence=verdict.permanence,
        scope=verdict.scope,
        cause=verdict.cause,
        status=ended.reply.enhanced if ended.reply else None,
        tls=ended.tls,
        seconds=tuple((name, seconds) for name, seconds in times if seconds is not None),
        relayed=relays and ended.kind is Kind.ACCEPTED,
        fallback=fallback,
        handed_over_at=None if ended.handed_over_at is None else ended.handed_over_at + offset,
    )
