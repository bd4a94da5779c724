"""Webhooks over real sockets: signed, in order, repeated, parked, bounded (CONTRACT 3.6)."""

import asyncio
import base64
import hashlib
import hmac
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from mailsvc import __version__
from mailsvc.clock import Clock
from mailsvc.domain.event import EventType
from mailsvc.domain.secret import Secret
from mailsvc.domain.view import event_view
from mailsvc.store import Store
from mailsvc.webhooks import policy, pusher, sender
from mailsvc.webhooks.hub import EndpointState, Webhooks
from mailsvc.webhooks.outbox import PARALLEL
from tests.support.store import database_url, log_of, no_space, opened, store
from tests.support.webhook_receiver import DIE, HANG, OK, OTHER_SECRET, RESET, SECRET, Act, WebhookReceiver
from tests.support.webhooks import ReferenceReceiver, happened, pushing, target

__all__ = ["database_url", "store"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the clock's part of retries go by fast."""
    monkeypatch.setattr(policy, "LADDER", (0.2, 0.4))
    monkeypatch.setattr(policy, "PAUSES", (0.3,))


def failing(times: int, act: Act) -> Callable[[dict[str, Any]], Act]:
    """Return a script under which each event meets a fault so often before it is taken."""
    seen: dict[str, int] = {}

    def script(event: dict[str, Any]) -> Act:
        seen[event["id"]] = seen.get(event["id"], 0) + 1
        return act if seen[event["id"]] <= times else OK

    return script


def where(chosen: Callable[[dict[str, Any]], bool], act: Act) -> Callable[[dict[str, Any]], Act]:
    """Return a script under which some events meet a fault."""
    return lambda event: act if chosen(event) else OK


async def state_of(
    webhooks: Webhooks, url: str | None = None, *, once: Callable[[EndpointState], object] = lambda _state: True
) -> EndpointState:
    """Return the state of the one endpoint, or of one of them, once something is true of it."""
    async with asyncio.timeout(15):
        while True:
            state = next(state for state in await webhooks.states() if url in (None, state.known.url))
            if once(state):
                return state
            await asyncio.sleep(0.05)


async def settled(webhooks: Webhooks) -> EndpointState:
    """Return the state once nothing waits any more."""
    return await state_of(webhooks, once=lambda state: not state.backlog.waiting)


async def test_request_carries_the_event_signed_by_every_secret(store: Store) -> None:
    """The body is what /v1/events shows; the head is Standard Webhooks, with a signature for each secret."""
    async with WebhookReceiver() as receiver:
        both = (Secret(SECRET), Secret(OTHER_SECRET))
        async with pushing(store, target(receiver, secrets=both)):
            await happened(store, "msg_a")
            (got,) = await receiver.until_taken(1)
    (event,) = await log_of(store)
    assert got.event == event_view(event)
    assert (got.id, got.path) == (event.id, "/hook")
    assert got.headers["user-agent"] == f"mailsvc/{__version__}"
    assert got.headers["content-type"] == "application/json"
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 5
    signed = f"{got.id}.{got.headers['webhook-timestamp']}.".encode() + got.body
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in (SECRET, OTHER_SECRET)]
    assert got.headers["webhook-signature"].split(" ") == [
        "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys
    ]
    for secret in (SECRET, OTHER_SECRET):
        assert ReferenceReceiver((secret,)).take(got.headers, got.body)


@pytest.mark.parametrize(
    "act",
    [Act(500), Act(503), Act(408), Act(425), Act(302, (("location", "/elsewhere"),)), RESET],
    ids=["500", "503", "408", "425", "redirect", "reset"],
)
@pytest.mark.usefixtures("quick")
async def test_failed_event_is_sent_again_with_the_same_id_and_body(store: Store, act: Act) -> None:
    """Another try has the same id and octets, a time of its own, and the same place: no redirect is followed."""
    async with WebhookReceiver(script=failing(2, act)) as receiver, pushing(store, target(receiver)) as webhooks:
        await happened(store, "msg_a")
        await receiver.until_taken(1)
        state = await settled(webhooks)
    assert len(receiver.got) == 3
    assert len({(got.id, got.body, got.path) for got in receiver.got}) == 1
    assert state.backlog.parked == 0
    for got in receiver.got:
        assert ReferenceReceiver().take(got.headers, got.body)


@pytest.mark.usefixtures("quick")
async def test_event_waits_for_an_earlier_one_of_its_message_only(store: Store) -> None:
    """While the first event of a message fails its second is not sent; other messages go on."""
    first = asyncio.Event()

    def script(event: dict[str, Any]) -> Act:
        return OK if event["message"] != "msg_a" or event["seq"] > 1 or first.is_set() else Act(500)

    async with WebhookReceiver(script=script) as receiver, pushing(store, target(receiver)) as webhooks:
        await happened(store, "msg_a", "msg_a", "msg_b")
        await happened(store, "msg_b", "msg_a")
        await receiver.until_taken(2)
        await receiver.until(lambda: len(receiver.got) >= 4)
        await happened(store, "msg_a")
        first.set()
        await receiver.until_taken(6)
        await settled(webhooks)
    taken = [(got.event["message"], got.event["seq"]) for got in receiver.taken]
    assert [seq for message, seq in taken if message == "msg_a"] == [1, 2, 5, 6]
    assert [seq for message, seq in taken if message == "msg_b"] == [3, 4]
    assert max(taken.index(("msg_b", seq)) for seq in (3, 4)) < taken.index(("msg_a", 1))
    assert {got.event["seq"] for got in receiver.got if got.status == 500} == {1}


@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 422])
async def test_refused_event_is_parked_alone_and_at_once(store: Store, status: int) -> None:
    """A final 4xx is not repeated, is seen by operators, and holds up nothing, not even its own message."""
    script = where(lambda event: event["seq"] == 1, Act(status))
    async with WebhookReceiver(script=script) as receiver, pushing(store, target(receiver)) as webhooks:
        await happened(store, "msg_a", "msg_a", "msg_b")
        await receiver.until_taken(2)
        state = await settled(webhooks)
        (((url, parked),), cursor) = await webhooks.parked(None, before=None, limit=9)
    assert [got.event["seq"] for got in receiver.got].count(1) == 1
    assert (state.known.cursor, state.backlog.parked, state.failure, cursor) == (3, 1, None, None)
    assert (url, parked.event.seq, parked.tries, parked.problem) == (receiver.url, 1, 1, f"answered {status}")


async def test_parked_events_are_sent_when_they_are_replayed(store: Store) -> None:
    """One by its id, the rest all together; each with the id it had."""
    mended = asyncio.Event()
    script = where(lambda _event: not mended.is_set(), Act(422))
    async with WebhookReceiver(script=script) as receiver, pushing(store, target(receiver)) as webhooks:
        await happened(store, "msg_a", "msg_a", "msg_b")
        await receiver.until(lambda: len(receiver.got) == 3)
        assert (await settled(webhooks)).backlog.parked == 3
        mended.set()
        second = next(got for got in receiver.got if got.event["seq"] == 2)
        assert await webhooks.requeue(receiver.url, second.id) == 1
        assert (await receiver.until_taken(1))[0].body == second.body
        assert await webhooks.requeue(None, second.id) == 0
        assert await webhooks.requeue(None, None) == 2
        await receiver.until_taken(3)
        state = await settled(webhooks)
    assert state.backlog.parked == 0
    assert sorted(got.event["seq"] for got in receiver.taken) == [1, 2, 3]


async def test_everything_behind_a_position_is_sent_again(store: Store) -> None:
    """A receiver that lost its data gets the log again from where it says, in order."""
    async with WebhookReceiver() as receiver, pushing(store, target(receiver)) as webhooks:
        await happened(store, "msg_a", "msg_b", "msg_a", "msg_b")
        await receiver.until_taken(4)
        assert await webhooks.rewind(receiver.url, 1) == 3
        await receiver.until_taken(7)
        assert (await settled(webhooks)).known.cursor == 4
        assert await webhooks.rewind(None, 99) == 0
    again = [got.event["seq"] for got in receiver.taken[4:]]
    assert sorted(again) == [2, 3, 4]
    assert again.index(2) < again.index(4)


async def test_endpoint_gets_only_its_types(store: Store) -> None:
    """What it does not want is passed over, and its cursor passes it too."""
    wanted = frozenset({EventType.MESSAGE_FAILED})
    async with WebhookReceiver() as receiver, pushing(store, target(receiver, types=wanted)) as webhooks:
        await happened(store, "msg_a")
        await happened(store, "msg_b", type_=EventType.MESSAGE_FAILED)
        await happened(store, "msg_c")
        await receiver.until_taken(1)
        await state_of(webhooks, once=lambda state: state.known.cursor == 3)
    assert [got.event["message"] for got in receiver.got] == ["msg_b"]


async def test_new_endpoint_begins_at_the_end_and_goes_on_where_it_stopped(store: Store) -> None:
    """What was before its first start is not sent; what happened while nobody pushed is."""
    await happened(store, "msg_before")
    async with WebhookReceiver() as receiver:
        async with pushing(store, target(receiver)):
            await happened(store, "msg_a")
            await receiver.until_taken(1)
        await happened(store, "msg_b")
        async with pushing(store):  # it is taken out for a while
            await happened(store, "msg_c")
        async with pushing(store, target(receiver)):
            await receiver.until_taken(3)
    assert [got.event["message"] for got in receiver.got] == ["msg_a", "msg_b", "msg_c"]


@pytest.mark.usefixtures("quick")
async def test_endpoint_that_is_down_gets_few_requests_and_then_everything(store: Store) -> None:
    """Thousands of events make a handful of failing requests; when it is back each comes once, in order."""
    back = asyncio.Event()
    script = where(lambda _event: not back.is_set(), Act(500))
    async with WebhookReceiver(script=script) as receiver, pushing(store, target(receiver)) as webhooks:
        for _ in range(10):
            await happened(store, *(f"msg_{number % 70}" for number in range(200)))
        await receiver.until(lambda: len(receiver.got) > PARALLEL)
        await asyncio.sleep(1.0)
        assert len(receiver.got) < 2 * PARALLEL + 10
        state = await state_of(webhooks)
        assert (state.backlog.waiting, state.failure is not None, state.next_try_at is not None) == (2000, True, True)
        assert state.lag > 0.5
        back.set()
        await receiver.until_taken(2000, 60)
        assert (await settled(webhooks)).next_try_at is None
    taken = [got.event for got in receiver.taken]
    assert len({event["id"] for event in taken}) == len(taken) == 2000
    for number in range(70):
        seqs = [event["seq"] for event in taken if event["message"] == f"msg_{number}"]
        assert seqs == sorted(seqs)


async def test_events_go_in_parallel_and_bounded(store: Store) -> None:
    """A slow endpoint is asked several things at once, and never more than the bound."""
    async with WebhookReceiver(script=lambda _event: Act(after=0.1)) as receiver, pushing(store, target(receiver)):
        await happened(store, *(f"msg_{number}" for number in range(150)))
        await receiver.until_taken(150)
    assert receiver.open_most == PARALLEL


async def test_endpoint_that_hangs_does_not_hold_up_another(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each endpoint has its own way through the log; a request that hangs ends after its seconds."""
    monkeypatch.setattr(sender, "TIMEOUT", 0.3)
    deaf, receiver = WebhookReceiver(script=lambda _event: HANG), WebhookReceiver()
    async with deaf, receiver, pushing(store, target(deaf), target(receiver, 2)) as webhooks:
        await happened(store, "msg_a", "msg_b")
        await receiver.until_taken(2)
        hanging = await state_of(webhooks, deaf.url, once=lambda state: state.failure)
        assert (await state_of(webhooks, receiver.url)).failure is None
    assert hanging.failure is not None
    assert hanging.failure.problem.startswith("no answer within")


async def test_absent_endpoint_is_told_in_words(store: Store) -> None:
    """Nobody listens: operators read so, without the URL or an address of a customer."""
    async with pushing(store, target(WebhookReceiver())) as webhooks:
        await happened(store, "msg_a")
        state = await state_of(webhooks, once=lambda state: state.failure)
    assert state.failure is not None
    assert state.failure.problem.startswith("no connection")


@pytest.fixture
def authority() -> trustme.CA:
    """Return a throw-away certificate authority."""
    return trustme.CA()


def certified(authority: trustme.CA, name: str) -> WebhookReceiver:
    """Return a receiver with a certificate for a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return WebhookReceiver(tls=context)


async def test_https_endpoint_is_trusted_by_the_machines_certificates(
    store: Store, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`SSL_CERT_FILE` names a company's own authority."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with certified(authority, "127.0.0.1") as receiver, pushing(store, target(receiver)):
        await happened(store, "msg_a")
        await receiver.until_taken(1)


@pytest.mark.parametrize("trusted", [True, False], ids=["another name", "unknown authority"])
async def test_wrong_certificate_gets_nothing(
    store: Store, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, trusted: bool
) -> None:
    """Neither the certificate of another host nor that of an unknown authority is taken; operators read why."""
    if trusted:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    receiver = certified(authority, "other.example.jp" if trusted else "127.0.0.1")
    async with receiver, pushing(store, target(receiver)) as webhooks:
        await happened(store, "msg_a")
        state = await state_of(webhooks, once=lambda state: state.failure)
    assert state.failure is not None
    assert "certificate verify failed" in state.failure.problem.lower()
    assert receiver.got == []


@pytest.mark.parametrize("act", [DIE, Act(size=5_000_000), Act(204, size=0)], ids=["dies", "endless answer", "empty"])
async def test_answer_counts_whatever_follows_it(store: Store, act: Act) -> None:
    """A 2xx delivers though the connection ends with it, or its body is longer than is read."""
    async with WebhookReceiver(script=lambda _event: act) as receiver, pushing(store, target(receiver)) as webhooks:
        await happened(store, "msg_a", "msg_b")
        await receiver.until_taken(2)
        state = await settled(webhooks)
    assert (len(receiver.got), state.known.cursor) == (2, 2)


async def test_stop_lets_requests_end_and_records_them(store: Store) -> None:
    """What is under way at a stop is answered and noted: the next start does not send it again."""
    async with WebhookReceiver(script=lambda _event: Act(after=0.5)) as receiver:
        async with pushing(store, target(receiver)):
            await happened(store, "msg_a")
            await asyncio.sleep(0.2)
            assert receiver.got == []
        async with pushing(store, target(receiver)) as webhooks:
            assert (await state_of(webhooks)).known.cursor == 1
            await asyncio.sleep(0.2)
    assert len(receiver.taken) == len(receiver.got) == 1


async def test_cookies_are_not_kept(store: Store) -> None:
    """What an endpoint sets is not sent back: every request stands for itself."""
    script = where(lambda _event: True, Act(headers=(("set-cookie", "a=b; Path=/"),)))
    async with WebhookReceiver(script=script) as receiver, pushing(store, target(receiver)):
        await happened(store, "msg_a")
        await receiver.until_taken(1)
        await happened(store, "msg_a")
        await receiver.until_taken(2)
    assert not any("cookie" in got.headers for got in receiver.got)


async def test_429_is_obeyed(store: Store) -> None:
    """`Retry-After` holds the endpoint: nothing is sent before it is over."""
    script = failing(1, Act(429, (("retry-after", "6"),)))
    async with WebhookReceiver(script=script) as receiver, pushing(store, target(receiver)) as webhooks:
        await happened(store, "msg_a")
        await receiver.until(lambda: len(receiver.got) == 1)
        await asyncio.sleep(0.3)
        await happened(store, "msg_b")
        await asyncio.sleep(0.3)
        state = await state_of(webhooks)
    assert len(receiver.got) == 1
    assert state.next_try_at is not None
    assert 5 < state.next_try_at - receiver.got[0].at < 7


@pytest.mark.usefixtures("quick")
async def test_event_is_parked_when_its_time_is_over(store: Store) -> None:
    """After 72 h a failing event is parked; one that is taken at once is never too old."""
    old = Clock().now() - policy.PATIENCE - 5
    script = where(lambda event: event["message"] == "msg_bad", Act(500))
    async with WebhookReceiver(script=script) as receiver:
        async with pushing(store, target(receiver)):
            pass
        await store.write(lambda tx: tx.connection.exec_driver_sql(f"UPDATE webhook_endpoints SET since = {old}"))
        await happened(store, "msg_bad", "msg_good", "msg_bad", at=old)
        async with pushing(store, target(receiver)) as webhooks:
            await receiver.until(lambda: len(receiver.got) == 3)
            state = await settled(webhooks)
    assert [got.event["message"] for got in receiver.taken] == ["msg_good"]
    assert (state.backlog.parked, state.known.cursor) == (2, 3)


async def test_cursor_behind_what_is_kept_goes_on_at_the_oldest(store: Store) -> None:
    """Events that are gone are passed over, counted and logged; the endpoint is never stuck."""
    async with WebhookReceiver() as receiver:
        async with pushing(store, target(receiver)):
            pass
        await happened(store, "msg_a", "msg_b", "msg_c")
        await store.write(lambda tx: tx.connection.exec_driver_sql("DELETE FROM events WHERE seq < 3"))
        async with pushing(store, target(receiver)):
            await receiver.until_taken(1)
    assert [got.event["message"] for got in receiver.got] == ["msg_c"]


@pytest.mark.usefixtures("quick")
async def test_full_disk_repeats_and_loses_nothing(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be recorded is recorded later; until then events may come twice, and none is lost."""
    monkeypatch.setattr(pusher, "TROUBLE", 0.2)
    receiver = WebhookReceiver(script=failing(1, Act(500)))
    async with receiver, opened(database_url) as store, pushing(store, target(receiver)) as webhooks:
        await happened(store, *(f"msg_{number}" for number in range(9)))
        with no_space():
            await receiver.until(lambda: len(receiver.got) == 9)
            await asyncio.sleep(0.5)
        await receiver.until(lambda: len({got.id for got in receiver.taken}) == 9)
        state = await settled(webhooks)
    assert (state.known.cursor, state.backlog.parked) == (9, 0)


def test_no_secret_shows(tmp_path: Path) -> None:
    """An endpoint's representation has neither its secrets nor the password in its URL."""
    shown = repr(target(WebhookReceiver(), url="https://user:geheim@auth.example.jp/hook?token=geheim"))
    assert "geheim" not in shown
    assert SECRET not in shown
