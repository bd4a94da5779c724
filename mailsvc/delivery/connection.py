"""One SMTP session from the connection to the reply to the dot: steps, gates, times and how it ended.

Decides how long each step may take and what a lost, late or broken peer means: nothing handed over before body and
dot are written, ambiguous after. Body and dot go out in one write directly after the last gate's yes.
Never retries, never chooses a server, never waits without an end.
A caller sees `SessionError` from `Connection.open` and an `Ended` from `transact`; a connection that is not
``reusable`` after that has been cut already. What a gate raises goes up as it is, and cuts the connection.
"""

import asyncio
from collections.abc import Awaitable
from typing import Self

from mailsvc.delivery import tls
from mailsvc.delivery.envelope import Envelope
from mailsvc.delivery.session import Deadlines, Ended, Endpoint, Gate, Kind, SessionError
from mailsvc.delivery.smtp_client import ProtocolError
from mailsvc.delivery.tls import TlsPolicy
from mailsvc.delivery.wire import Wire, describe
from mailsvc.domain.reply import TEXT_MAX, Reply, Stage


class Connection:
    """A session that `open` has made ready; one transaction at a time."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._loop = asyncio.get_running_loop()
        self._wire = Wire()
        self._client = self._wire.client
        self._step: Stage | None = Stage.CONNECT  # where we are when it is not the client's stage
        self._begun = self._loop.time()  # of opening, then of each transaction
        self._tls_seconds = 0.0
        self._connect_seconds: float | None = None  # without TLS; None while opening
        self._mails = 0  # transactions that have ended
        self._upgrading = False  # by an opportunistic offer: between STARTTLS and the first answer under TLS

    @classmethod
    async def open(cls, endpoint: Endpoint, *, gate: Gate, by: float) -> Self:
        """Connect, greet, secure and authenticate by ``by`` (loop time); raise `SessionError` where that fails."""
        connection = cls(endpoint)
        try:
            await connection._by(by, connection._prepare(gate))
        except BaseException:
            connection.close()
            raise
        return connection

    async def transact(self, envelope: Envelope, *, gate: Gate, deadlines: Deadlines) -> Ended:
        """Offer one mail and return how that ended; what the peer or the network does is never raised."""
        self._begun = self._loop.time()
        try:
            await self._by(deadlines.before_dot, self._offer(envelope, gate, deadlines))
            ended = await self._hand_over(envelope, deadlines)
        except SessionError as error:
            ended = error.ended
        except BaseException:
            self._wire.abort()
            raise
        self._mails += 1
        if not self.reusable:
            self._wire.abort()
        return ended

    @property
    def reusable(self) -> bool:
        """Whether another transaction may follow."""
        return self._wire.usable and self._client.reusable

    @property
    def worn(self) -> bool:
        """Whether it has carried as many mails as one connection may."""
        return self._mails >= self._endpoint.mails

    @property
    def closed(self) -> asyncio.Future[None]:
        """Done when the connection is gone."""
        return self._wire.closed

    def close(self) -> None:
        """End with QUIT where the session is in order, else cut."""
        if self.reusable:
            self._wire.leave()
        else:
            self._wire.abort()

    # Before the dot

    async def _by(self, when: float, steps: Awaitable[None]) -> None:
        """Run steps that hand nothing over, until ``when``."""
        try:
            async with asyncio.timeout_at(when) as limit:
                await steps
        except TimeoutError as error:
            if limit.expired():
                raise self._failure("the time for the attempt was over") from error
            raise

    async def _within(self, seconds: float, what: str, step: Awaitable[None]) -> None:
        """Run a step of the transport."""
        try:
            async with asyncio.timeout(seconds) as limit:
                await step
        except OSError as error:
            late = f"{what} within {seconds:g} s"
            raise self._failure(late if limit.expired() else describe(error)) from error

    async def _prepare(self, gate: Gate) -> None:
        endpoint = self._endpoint
        await self._pass(gate, Stage.CONNECT)
        connecting = self._wire.connect(endpoint.ip, endpoint.port, endpoint.source)
        self._step = Stage.CONNECT
        await self._within(endpoint.timeouts.connect, "no connection", connecting)
        if endpoint.tls is TlsPolicy.IMPLICIT:
            await self._shake_hands()
        self._step = None
        await self._answered()  # the banner
        await self._greet()
        if endpoint.tls.by_starttls:
            await self._upgrade()
        if endpoint.credentials is not None:
            await self._authenticate()
        self._connect_seconds = self._loop.time() - self._begun - self._tls_seconds

    async def _greet(self) -> None:
        try:
            await self._exchange(self._client.ehlo(self._endpoint.helo))
        except SessionError as error:
            if error.ended.kind is not Kind.REFUSED:
                raise
            await self._exchange(self._client.helo(self._endpoint.helo))

    async def _upgrade(self) -> None:
        if "STARTTLS" in self._client.capabilities:
            self._upgrading = self._endpoint.tls is TlsPolicy.OPPORTUNISTIC
            await self._exchange(self._client.starttls())
            await self._shake_hands()
            self._client.secured()
            self._step = None
            await self._greet()
            self._upgrading = False
        elif self._endpoint.tls is TlsPolicy.REQUIRED:
            self._step = Stage.STARTTLS
            raise self._failure("TLS is required here and the server does not offer STARTTLS")

    async def _shake_hands(self) -> None:
        self._step = Stage.STARTTLS
        endpoint, begun = self._endpoint, self._loop.time()
        shaking = self._wire.secure(tls.context(endpoint.tls, endpoint.trust), endpoint.host)
        await self._within(endpoint.timeouts.reply, "no TLS handshake", shaking)
        self._tls_seconds = self._loop.time() - begun

    async def _authenticate(self) -> None:
        assert self._endpoint.credentials is not None
        self._step = Stage.AUTH
        if self._wire.tls is None and self._endpoint.tls is not TlsPolicy.NONE:
            raise self._failure("credentials are not sent without TLS")
        try:
            for block in self._client.auth(self._endpoint.credentials):
                await self._exchange(block)
        except ProtocolError as error:
            raise self._failure(str(error)) from error
        self._step = None

    async def _offer(self, envelope: Envelope, gate: Gate, deadlines: Deadlines) -> None:
        self._wire.answers = []
        await self._pass(gate, Stage.MAIL)
        for block in self._client.envelope(envelope.with_life(deadlines.send_by - self._loop.time())):
            await self._exchange(block)
        await self._pass(gate, Stage.DOT)

    async def _pass(self, gate: Gate, stage: Stage) -> None:
        self._step = stage
        reason = await gate(stage)
        if reason is not None:
            raise SessionError(self._end(Kind.STOPPED, stage, None, reason))
        self._step = None

    async def _exchange(self, block: bytes) -> None:
        self._wire.write(block)
        await self._answered()

    async def _answered(self) -> None:
        """See every command of the last block answered as wanted."""
        wire, seconds = self._wire, self._endpoint.timeouts.reply
        while not wire.settled:
            if not await wire.news(self._loop.time() + seconds):
                raise self._failure(f"no answer within {seconds:g} s")
        if self._client.awaiting or self._client.fault or not all(answer.good for answer in wire.answers):
            raise self._failure(self._client.fault or wire.lost or "")

    # The mail

    async def _hand_over(self, envelope: Envelope, deadlines: Deadlines) -> Ended:
        """Write body and dot, wait for the reply."""
        wire = self._wire
        if not wire.usable:
            raise self._failure(self._client.fault or wire.lost or "")
        wire.write(self._client.body(envelope))
        handed = self._loop.time()
        silence = await self._silence(deadlines, deadlines.wait_until(handed))
        for _, reply, good in wire.answers[:1]:
            kind = Kind.ACCEPTED if good else Kind.of(reply)
            if kind is not Kind.FAILED:
                return self._end(kind, Stage.DOT, reply, reply.text, handed)
        return self._end(Kind.AMBIGUOUS, Stage.DOT, None, silence or self._client.fault or wire.lost or "", handed)

    async def _silence(self, deadlines: Deadlines, last: float) -> str:
        """Wait for the reply to the dot until ``last``; return why it is waited for no longer, if it did not come."""
        if await self._wire.settled_by(min(deadlines.send_by, last)):
            return ""
        if self._wire.unsent():
            return "a part of the mail was still unsent when its time was over, and was cut off"
        return "" if await self._wire.settled_by(last) else "no reply to the mail in time"

    # Words and figures

    def _failure(self, text: str) -> SessionError:
        """Return the error for what ended the steps: the first answer that was not good, else ``text``."""
        for stage, reply, good in self._wire.answers:
            if not good:
                kind = Kind.of(reply)
                words = text if kind is Kind.FAILED else reply.text
                return SessionError(self._end(kind, stage, reply, words))
        return SessionError(self._end(Kind.FAILED, self._step or self._client.stage, None, text))

    def _end(self, kind: Kind, stage: Stage, reply: Reply | None, text: str, handed: float | None = None) -> Ended:
        # Octets behind the good answer to STARTTLS are an attack on the offer; a 421 under TLS is no fault of TLS.
        other = reply if self._wire.tls else any(answer.good for answer in self._wire.answers)
        broken = self._upgrading and not (self._client.fault and other)
        return Ended(
            kind=kind,
            stage=stage,
            reply=reply,
            text=text[:TEXT_MAX],
            tls=self._wire.tls,
            seconds=self._seconds(),
            handed_over_at=handed,
            reused=self._mails > 0,
            clear_next=broken,
        )

    def _seconds(self) -> tuple[tuple[str, float], ...]:
        spent = self._loop.time() - self._begun
        tls_seconds = ("tls", self._tls_seconds)
        if self._connect_seconds is None:
            return (("connect", spent - self._tls_seconds), tls_seconds)
        if self._mails:
            return (("transfer", spent),)
        return (("connect", self._connect_seconds), tls_seconds, ("transfer", spent))
