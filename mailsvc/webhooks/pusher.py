"""Pushes the event log to one endpoint: at least once, a lane's events in their order, nothing lost at any crash.

One task reads the log and the rows that are due, and records what became of them, many changes in one transaction: a
process that is killed repeats up to half a second of it, and what it sent beside a request that was under way. Requests
run beside the task and change the outbox, in memory. An event that fails takes those behind it in its lane to rows of
the store; the log goes on.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog

from mailsvc.clock import Clock
from mailsvc.store import Store, StoreUnavailable, Transaction, webhook_replay, webhooks
from mailsvc.store.events import CursorExpired
from mailsvc.store.webhooks import Place
from mailsvc.webhooks.outbox import PARALLEL, RETRIES, Outbox
from mailsvc.webhooks.policy import PATIENCE, Circuit
from mailsvc.webhooks.sender import Answer, Sender, Signer
from mailsvc.webhooks.target import Target
from mailsvc.webhooks.window import Item

#: Events, and rows, that are read at a time.
PAGE = 100
#: Seconds for events to gather before the log is read, between two records, and to wait after trouble.
GATHER = 0.01
RECORD = 0.5
TROUBLE = 5.0
#: Seconds that requests get at a stop.
DRAIN = 5.0

#: What is done in the transaction of a replay; takes the URL of the endpoint as it may be shown.
Beside = Callable[[Transaction, str], None]

log = structlog.get_logger(__name__)


class Pusher:
    """Follows the log for one endpoint until it is stopped."""

    def __init__(
        self, target: Target, place: Place, *, store: Store, clock: Clock, count: Callable[[str], None]
    ) -> None:
        """``count`` takes the name of what came of each request, and ``skipped`` where events were gone."""
        self.target = target
        self.circuit = Circuit()
        self.outbox = Outbox(target, place, self.circuit)
        self._store = store
        self._clock = clock
        self._count = count
        self._signer = Signer(target.secrets)
        self._sender = Sender(target.url, connections=PARALLEL)
        self._sending: dict[asyncio.Task[None], Item] = {}
        self._pause: float | None = None  # as the store knows it
        self._bell = asyncio.Event()
        self._changing = asyncio.Lock()
        self._more = True  # there may be events behind the position
        self._due_at: float | None = 0.0  # when rows are to be looked for
        self._record_at = 0.0
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to push."""
        self._task = asyncio.create_task(self._run())

    def ring(self) -> None:
        """Tell that the log has grown."""
        self._more = True
        self._bell.set()

    def look(self) -> None:
        """Tell that rows were changed."""
        self._due_at = 0.0
        self._bell.set()

    async def rewind(self, after: int, beside: Beside) -> int:
        """Send everything behind a position again; return how many events that is.

        ``beside`` is done in the same transaction. Raises `CursorExpired` where events behind it are gone.
        """

        def rewind(tx: Transaction) -> tuple[Place | None, int]:
            beside(tx, self.target.shown)
            return webhook_replay.rewind(tx, self.target.key, after, self.target.types, self._clock.now())

        async with self._changing:
            await self._record()  # what it holds is thrown away with the outbox
            place, found = await self._store.write(rewind)
            if place:
                self.outbox = Outbox(self.target, place, self.circuit)
        self.ring()
        return found

    async def stop(self) -> None:
        """Send nothing more; let what is under way end, and record it."""
        self._stopping = True
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._sending:
            await asyncio.wait(self._sending, timeout=DRAIN)
        late = list(self._sending)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        with suppress(StoreUnavailable):
            await self._record()
        await self._sender.close()

    async def _run(self) -> None:
        while True:
            try:
                await self._turn()
            except StoreUnavailable:
                await asyncio.sleep(TROUBLE)  # the writer has logged it
            except Exception as error:  # noqa: BLE001  the next turn must come
                self._log_fault(error)
                await asyncio.sleep(TROUBLE)

    async def _turn(self) -> None:
        self._bell.clear()
        async with self._changing:
            if self._clock.now() >= self._record_at:
                await self._record()
            await self._follow_pause()
            if self._more and not self.outbox.full:
                await self._read_log()
            await self._read_rows()
        self._send()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._idle()):
                await self._bell.wait()
        await asyncio.sleep(GATHER)

    def _idle(self) -> float | None:
        """Return the seconds until something is to be done that nobody rings for; None: there is nothing."""
        if self._more and not self.outbox.full:
            return 0.0
        now = self._clock.now()
        instants = [at for at in (self._due_at, self.circuit.until) if at and at > now]
        if self.outbox.book.dirty(self.outbox.window.cursor):
            instants.append(self._record_at)
        return max(0.0, min(instants) - now) if instants else None

    async def _record(self) -> None:
        book, cursor, now = self.outbox.book, self.outbox.window.cursor, self._clock.now()
        if not book.dirty(cursor):
            return
        self._record_at = now + RECORD
        progress = book.progress(cursor)
        await self._store.write(partial(webhooks.record, key=self.target.key, progress=progress, now=now))
        if book.recorded(progress):
            self._due_at = 0.0

    async def _follow_pause(self) -> None:
        """Do in the store what follows where a pause has begun, or has ended."""
        pause, now = self.circuit.until, self._clock.now()
        if pause == self._pause:
            return
        if pause is None:
            await self._store.write(partial(webhooks.hurry, key=self.target.key, now=now))
        else:
            await self._store.write(partial(webhooks.give_up, key=self.target.key, before=now - PATIENCE, now=now))
        self._pause = pause
        self._due_at = 0.0

    async def _read_log(self) -> None:
        self._more = False
        window = self.outbox.window
        read = partial(webhooks.read, key=self.target.key, after=window.position, types=self.target.chosen, limit=PAGE)
        try:
            page, blocked = await self._store.read(read)
        except CursorExpired as gone:
            shown = self.target.shown
            log.error("webhook.skipped", url=shown, after=window.position, oldest=gone.oldest)  # noqa: TRY400  it says all
            self._count("skipped")
            window.position = gone.oldest
            self._more = True
            return
        self.outbox.take_in(page.events, blocked, self._clock.now())
        window.position = page.next
        self._more = self._more or len(page.events) == PAGE

    async def _read_rows(self) -> None:
        """Read the rows that are due; at the end of a pause the next one, where there is nothing else to try."""
        now, pause = self._clock.now(), self.circuit.until
        window = self.outbox.window
        if pause is not None:
            wanted = now >= pause and not len(window)
        else:
            wanted = self._due_at is not None and now >= self._due_at and window.stored < RETRIES
        if wanted:
            until, limit = (now, PAGE) if pause is None else (None, 1)
            read = partial(webhooks.due, key=self.target.key, now=now, until=until, limit=limit)
            found, self._due_at = await self._store.read(read)
            self.outbox.take_back(found)

    def _send(self) -> None:
        """Begin as many requests as may be under way."""
        while not self._stopping:
            item = self.outbox.next(self._sending.values(), self._clock.now())
            if item is None:
                return
            task = asyncio.create_task(self._deliver(item, self.outbox))
            self._sending[task] = item
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._sending[task]
        if not task.cancelled() and (error := task.exception()):
            self._log_fault(error)
        self._send()
        self._bell.set()

    async def _deliver(self, item: Item, outbox: Outbox) -> None:
        """Send an event; ``outbox`` is the one it is of, though another one may have taken its place."""
        now = self._clock.now()
        try:
            answer = await self._sender.post(item.body, self._signer.headers(item.id, item.body, now), now)
        except Exception as error:  # noqa: BLE001  whatever failed, the event is tried again and the others go on
            self._log_fault(error)
            answer = Answer(None, f"the request could not be made: {type(error).__name__}")
        result = outbox.conclude(item, answer, self._clock.now())
        self._count(result.value)

    def _log_fault(self, error: BaseException) -> None:
        # No traceback: its values may be a customer's. The log may be on a disk that is full.
        with suppress(OSError):
            log.error("webhook.failed", url=self.target.shown, error=type(error).__name__)
