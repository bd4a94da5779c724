"""One attempt of one message: compose, sign, check, hand over through the gates, record.

Decides nothing about retries or states: what an end means is ``domain.classify``'s, what follows from it
``domain.settlement``'s, applied in the store. Nothing here raises for bad luck: every attempt ends as a recorded one.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

import structlog

from mailsvc.clock import Clock
from mailsvc.delivery.envelope import Envelope
from mailsvc.delivery.routes import Handed, Route
from mailsvc.delivery.session import Deadlines, Ended, Gate, Kind, Timeouts
from mailsvc.domain.classify import AMBIGUOUS, DELIVERED, NETWORK_ERROR, STOPPED, UNSENDABLE, classify_reply
from mailsvc.domain.identifier import return_path
from mailsvc.domain.message import Message
from mailsvc.domain.outcome import Attempt, Verdict
from mailsvc.domain.reply import Stage
from mailsvc.store import Store, StoreUnavailable, lifecycle
from mailsvc.templates import MailRefused

#: The reply to the dot is awaited until so long after the deadline (seconds); the contract gives 15 for the outcome.
ANSWER_LATEST = 10.0
#: Seconds between two tries to record an attempt in a store that cannot write.
RECORD_AGAIN = 0.5
#: A relay is asked to tell what became of the mail, success too.
_NOTIFY_RELAY = "SUCCESS,FAILURE,DELAY"

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
        route: Route,
        bounce_domain: str,
        timeouts: Timeouts | None = None,
    ) -> None:
        """``signers`` runs ``finish``: RSA takes longer than the event loop should wait."""
        self.route = route
        self._store = store
        self._clock = clock
        self._finish = finish
        self._signers = signers
        self._bounce_domain = bounce_domain
        self._timeouts = timeouts or Timeouts()

    async def attempt(self, message: Message, due: float) -> Message:
        """Try to hand a claimed message over; return it as it stands after the attempt is recorded.

        ``due`` is the instant at which the attempt could have begun.
        """
        begun = self._clock.now()
        handed, verdict = await self._try(message)
        ended = handed.ended
        waits = [("queue", begun - due), ("dns", handed.dns), *ended.seconds]
        attempt = Attempt(
            number=message.attempts + 1,
            at=begun,
            ended_at=self._clock.now(),
            host=handed.host,
            ip=handed.ip,
            stage=ended.stage,
            reply=ended.text,
            category=verdict.category,
            permanence=verdict.permanence,
            scope=verdict.scope,
            cause=verdict.cause,
            status=ended.reply.enhanced if ended.reply else None,
            tls=ended.tls,
            seconds=tuple((name, seconds) for name, seconds in waits if seconds is not None),
            relayed=self.route.relays and ended.kind is Kind.ACCEPTED,
        )
        concluded = await self._record(message.id, attempt)
        self._store.gate.leave(message.id)
        return concluded

    async def _try(self, message: Message) -> tuple[Handed, Verdict]:
        asked: set[Stage] = set()
        try:
            data = await asyncio.get_running_loop().run_in_executor(self._signers, self._finish, message)
            handed = await self.route.hand_over(
                self._envelope(message, data), gate=self._gate(message, asked), deadlines=self._deadlines(message)
            )
        except MailRefused as error:
            return _ours(str(error)), UNSENDABLE
        except Exception as error:  # noqa: BLE001  whatever failed, the message must not be lost
            # A fault of ours is no verdict on the message: it stays temporary, and ambiguous after the last gate.
            log.error("delivery.failed", message=message.id, error=type(error).__name__)  # noqa: TRY400  no values in the log
            verdict = AMBIGUOUS if Stage.DOT in asked else NETWORK_ERROR
            return _ours(f"the service failed: {type(error).__name__}"), verdict
        return handed, _verdict(handed.ended)

    def _envelope(self, message: Message, data: bytes) -> Envelope:
        life = message.hand_over_by - self._clock.now()
        return Envelope(
            reverse_path=return_path(message.tag, self._bounce_domain),
            forward_path=message.to,
            data=data,
            envid=message.id,
            notify=_NOTIFY_RELAY if self.route.relays else "FAILURE,DELAY",
            deliver_by=life if message.is_code else None,
        )

    def _deadlines(self, message: Message) -> Deadlines:
        loop = asyncio.get_running_loop()
        offset = loop.time() - self._clock.now()
        return Deadlines.begin(
            self._timeouts,
            now=loop.time(),
            hand_over_by=message.hand_over_by + offset,
            answer_by=message.expires_at + ANSWER_LATEST + offset,
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

    async def _record(self, message_id: str, attempt: Attempt) -> Message:
        while True:
            now = self._clock.now()
            try:
                return await self._store.write(
                    partial(lifecycle.conclude, message_id=message_id, attempt=attempt, now=now)
                )
            except StoreUnavailable:
                await asyncio.sleep(RECORD_AGAIN)


def _verdict(ended: Ended) -> Verdict:
    if ended.kind is Kind.ACCEPTED:
        return DELIVERED
    if ended.reply is not None and ended.kind in (Kind.REFUSED, Kind.DEFERRED):
        return classify_reply(ended.reply, ended.stage)
    return {Kind.AMBIGUOUS: AMBIGUOUS, Kind.STOPPED: STOPPED}.get(ended.kind, NETWORK_ERROR)


def _ours(text: str) -> Handed:
    """Return the end of an attempt that got to no server."""
    return Handed(Ended(kind=Kind.FAILED, stage=Stage.CONNECT, reply=None, text=text), None, None)
