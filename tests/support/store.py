"""A store on a real database: the fixtures, a request, the short ways to what a test asks of it.

A second engine joins as a further parameter of `database_url`.
"""

import asyncio
import contextlib
import resource
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mailsvc.domain.address import parse
from mailsvc.domain.event import Event
from mailsvc.domain.guidance import Guide
from mailsvc.domain.message import Message
from mailsvc.domain.outcome import Attempt
from mailsvc.domain.secret import Secret
from mailsvc.domain.submission import Submission
from mailsvc.store import Cipher, Store, Transaction, events, lifecycle, messages, recovery
from mailsvc.store.idempotency import Claim
from mailsvc.store.submit import Submitted, submit
from tests.support.domain import CODE, NOW

KEY = bytes(range(32))
GUIDE = Guide("mail.example.jp")


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the SQLAlchemy URL of an empty database."""
    return f"{request.param}:///{tmp_path / 'mailsvc.db'}"


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """Open a store on the empty database."""
    async with opened(database_url) as store:
        yield store


@contextlib.asynccontextmanager
async def opened(url: str, keys: tuple[bytes, ...] = (KEY,)) -> AsyncIterator[Store]:
    """Open a store and close it again."""
    store = await Store.open(url, Cipher(keys), GUIDE)
    try:
        yield store
    finally:
        await store.close()


def asked(to: str = "taro@docomo.ne.jp", **fields: Any) -> Submission:
    """Return a request for a login code of 300 s at `NOW`."""
    at = fields.get("accepted_at", NOW)
    default = {
        "api_key": "key_1",
        "address": parse(to),
        "template": "login_code",
        "is_code": True,
        "locale": "ja",
        "code": Secret(CODE),
        "challenge": "login-1",
        "customer": "c-000123",
        "context": {},
        "accepted_at": at,
        "expires_at": at + 300,
        "force": False,
    }
    return Submission(**(default | fields))


def notice(to: str = "taro@docomo.ne.jp", **fields: Any) -> Submission:
    """Return a request for a notice of a day."""
    default = {"template": "address_changed", "is_code": False, "code": None, "challenge": None}
    return asked(to, **(default | {"expires_at": fields.get("accepted_at", NOW) + 86400} | fields))


async def accept(
    store: Store,
    request: Submission | None = None,
    limits: tuple[tuple[int, float], ...] = (),
    claim: Claim | None = None,
) -> Submitted:
    """Submit a request."""
    return await store.write(lambda tx: submit(tx, request or asked(), limits, claim))


async def accepted(store: Store, **fields: Any) -> Message:
    """Submit a login code and return its message, an attempt of which is open."""
    message = (await accept(store, asked(**fields))).message
    assert message is not None
    return message


async def conclude(store: Store, message: Message, *made: Attempt, now: float = NOW + 1) -> Message:
    """Record a round of attempts as delivery does: stored first, then out of the gate."""
    concluded = await store.write(lambda tx: lifecycle.conclude(tx, message.id, made, now))
    store.gate.leave(message.id)
    return concluded


async def claim(store: Store, message: Message, now: float) -> Message | None:
    """Take a message for an attempt."""
    return await store.write(lambda tx: lifecycle.claim(tx, message.id, now))


async def current(store: Store, message: Message) -> Message:
    """Return a message as it is stored now."""
    found = await store.read(lambda connection: messages.get(connection, message.id))
    assert found is not None
    return found


async def log_of(store: Store) -> list[Event]:
    """Return the whole event log."""
    return list((await store.read(lambda connection: events.page(connection, 0, [], 10_000))).events)


async def types_of(store: Store, message: Message | None = None) -> list[str]:
    """Return the types of the events, of one message or of all, without ``message.``."""
    log = await log_of(store)
    return [event.type.removeprefix("message.") for event in log if message is None or event.message == message.id]


async def count(store: Store, table: str) -> int:
    """Return how many rows a table has."""
    found = await store.read(lambda connection: connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar())
    return int(found or 0)


async def together(store: Store, *works: Callable[[Transaction], Any]) -> list[Any]:
    """Have works share one transaction; return each one's result or exception."""
    async with held(store):
        tasks = [asyncio.create_task(store.write(work)) for work in works]
        await asyncio.sleep(0)
    return await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def held(store: Store) -> AsyncIterator[None]:
    """Keep the writer busy, so that what is asked meanwhile waits for one transaction."""
    begun, go_on = threading.Event(), threading.Event()

    def hold(_tx: Transaction) -> None:
        begun.set()
        go_on.wait(10)

    task = asyncio.create_task(store.write(hold))
    await asyncio.to_thread(begun.wait, 10)
    try:
        yield
    finally:
        go_on.set()
        await task


@contextlib.contextmanager
def no_space(size: int = 0) -> Iterator[None]:
    """Have the kernel refuse this process every write beyond ``size`` octets of a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def stuck(store: Store) -> list[str]:
    """Return the messages that are queued, wait for no try and have no attempt under way: nobody would try them."""
    waiting_for_none = await store.read(recovery.open_attempts)
    return [message_id for message_id in waiting_for_none if not store.gate.open(message_id)]


async def close_abandoned(store: Store, now: float = NOW) -> list[Message]:
    """Record what became of attempts that nobody runs, as the sweeper does each second."""
    closed = [await store.write(partial(recovery.close_attempt, message_id=id_, now=now)) for id_ in await stuck(store)]
    return [message for message in closed if message]


def on_disk(folder: Path) -> bytes:
    """Return everything that the files of a folder hold."""
    found = b"".join(path.read_bytes() for path in folder.iterdir())
    assert found
    return found
