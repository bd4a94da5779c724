"""All webhook endpoints of a process: started and stopped together, watched, replayed, shown to operators."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from mailsvc.clock import Clock
from mailsvc.domain.event import Event
from mailsvc.store import Connection, Store, Transaction, webhook_replay, webhooks
from mailsvc.store.rounds import rounds
from mailsvc.store.webhook_replay import Backlog, Known, Parked
from mailsvc.webhooks.policy import Failure
from mailsvc.webhooks.pusher import Beside, Pusher
from mailsvc.webhooks.target import Observer, Target

#: Seconds between two looks for the metrics.
INTERVAL = 5.0
#: Seconds of waiting that are an alarm (RELIABILITY P19).
LATE = 30.0

log = structlog.get_logger(__name__)


class UnknownEndpoint(Exception):
    """No endpoint of this URL is configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointState:
    """An endpoint as operators see it."""

    known: Known
    lag: float  #: age of the oldest event that is to be delivered (seconds)
    backlog: Backlog
    failure: Failure | None  #: the last one of this process
    next_try_at: float | None  #: when something is tried again, where the endpoint or an event has failed


class Webhooks:
    """The endpoints; make it with `open`."""

    def __init__(self, pushers: Sequence[Pusher], *, store: Store, clock: Clock, observer: Observer) -> None:
        self._pushers = pushers
        self._store = store
        self._clock = clock
        self._observer = observer
        self._lags: Mapping[int, float] = {}  #: by the numbers of the endpoints
        self._watching: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, targets: Collection[Target], *, store: Store, clock: Clock, observer: Observer) -> "Webhooks":
        """Find out how far each endpoint is; a new one begins at the end of the log."""
        urls = {target.key: target.shown for target in targets}
        places = await store.write(partial(webhooks.configure, urls=urls, now=clock.now()))
        pushers = [
            Pusher(
                target,
                places[target.key],
                store=store,
                clock=clock,
                count=partial(observer.count_webhook, str(target.number)),
            )
            for target in targets
        ]
        return cls(pushers, store=store, clock=clock, observer=observer)

    @property
    def problem(self) -> str | None:
        """Say that events wait for too long; None while they do not. Read without a key: it names no URL."""
        late = [f"endpoint {number} for {lag:.0f} s" for number, lag in self._lags.items() if lag > LATE]
        return f"events wait to be taken by {', '.join(late)}" if late else None

    def start(self) -> None:
        """Begin to push."""
        self._store.subscribe(self._ring)
        for pusher in self._pushers:
            pusher.start()
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Let requests that are under way end; what is cut off is sent again after the next start."""
        if self._watching:
            self._watching.cancel()
        await asyncio.gather(*(pusher.stop() for pusher in self._pushers))

    async def states(self) -> list[EndpointState]:
        """Return every endpoint that is configured, and every one that was and has something parked."""
        types = {pusher.target.key: pusher.target.types for pusher in self._pushers}
        found = await self._store.read(partial(webhook_replay.overview, types=types))
        pushers = {pusher.target.key: pusher for pusher in self._pushers}
        return [self._state(known, backlog, pushers.get(known.key)) for known, backlog in found]

    async def parked(
        self, url: str | None, *, before: str | None, limit: int
    ) -> tuple[Sequence[tuple[str, Parked]], str | None]:
        """Return parked events with the URLs of their endpoints, newest first, and the cursor behind them."""

        def read(connection: Connection) -> tuple[Sequence[tuple[str, Parked]], str | None]:
            urls = {known.key: known.url for known in webhook_replay.known(connection) if url in (None, known.url)}
            found, cursor = webhook_replay.parked(connection, urls, before=before, limit=limit)
            return [(urls[one.key], one) for one in found], cursor

        return await self._store.read(read)

    async def requeue(self, url: str | None, event: str | None, *, beside: Beside = lambda _tx, _url: None) -> int:
        """Have the parked events of endpoints, or one of these events, sent again; return how many there were.

        ``beside`` is done in the same transaction, once for each endpoint. Raises `UnknownEndpoint`.
        """
        return sum([await self._requeue(pusher, event, beside) for pusher in self._named(url)])

    async def rewind(self, url: str | None, after: int, *, beside: Beside = lambda _tx, _url: None) -> int:
        """Send endpoints everything behind a position of the log again; return how many events that is.

        ``beside`` as for `requeue`. Raises `UnknownEndpoint`, or `CursorExpired` where events behind it are gone.
        """
        return sum([await pusher.rewind(after, beside) for pusher in self._named(url)])

    def _ring(self, _events: Sequence[Event]) -> None:
        for pusher in self._pushers:
            pusher.ring()

    def _named(self, url: str | None) -> Sequence[Pusher]:
        found = [pusher for pusher in self._pushers if url in (None, pusher.target.shown, pusher.target.url)]
        if url is not None and not found:
            raise UnknownEndpoint
        return found

    async def _requeue(self, pusher: Pusher, event: str | None, beside: Beside) -> int:
        def requeue(tx: Transaction) -> int:
            if not count:
                beside(tx, pusher.target.shown)
            return webhook_replay.requeue(tx, pusher.target.key, event, self._clock.now())

        count = 0
        while True:  # in batches: codes go first
            found = await self._store.write(requeue)
            pusher.look()
            count += found
            if found < webhooks.BATCH:
                return count

    def _state(self, known: Known, backlog: Backlog, pusher: Pusher | None) -> EndpointState:
        return EndpointState(
            known=known,
            lag=self._lag(pusher, backlog) if pusher else 0.0,
            backlog=backlog,
            failure=pusher.circuit.failure if pusher else None,
            next_try_at=(pusher.circuit.until if pusher else None) or backlog.next_at,
        )

    def _lag(self, pusher: Pusher, backlog: Backlog) -> float:
        waiting = [at for at in (pusher.outbox.window.oldest, backlog.oldest) if at is not None]
        return max(0.0, self._clock.now() - min(waiting)) if waiting else 0.0

    async def _watch(self) -> None:
        await rounds(self._look, INTERVAL, partial(log.error, "webhook.watch_failed"))

    async def _look(self) -> None:
        was_late = self.problem is not None
        lags = {}
        for pusher in self._pushers:
            key = pusher.target.key
            backlog = await self._store.read(partial(webhook_replay.backlog, key=key))
            lags[pusher.target.number] = lag = self._lag(pusher, backlog)
            self._observer.observe_webhook(str(pusher.target.number), lag=lag, parked=backlog.parked)
        self._lags = lags
        if self.problem and not was_late:
            log.error("webhook.late", problem=self.problem)
