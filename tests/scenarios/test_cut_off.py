"""A message that was superseded or cancelled before its dot lets go of its session at once.

The server hangs at DATA. What is not let go of there is waited for 10 s, and then leaves an attempt behind that says
so: none of these messages may have one.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailsvc.delivery.relay import SESSIONS
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import HANG, Act, Session, say


def _data(session: Session) -> Act:
    """Say nothing to mails for ``hang``."""
    return HANG if b"<hang." in session.rcpt_line else say("354 Go ahead")


@pytest.fixture
async def peer() -> AsyncIterator[SmtpPeer]:
    """Start a relay that hangs at DATA."""
    async with SmtpPeer(script={"data": _data}) as peer:
        yield peer


@pytest.fixture
async def service(peer: SmtpPeer, tmp_path: Path) -> AsyncIterator[Service]:
    """Start a service that mails to it."""
    async with Service(folder=tmp_path, settings={"ROUTE": f"smtp://127.0.0.1:{peer.port}?tls=none"}) as service:
        yield service


async def _hanging(service: Service, peer: SmtpPeer) -> list[str]:
    """Fill every session of the relay with messages that hang; return their ids."""
    submits = (service.submit(f"hang.{n}@example.jp", challenge=f"c-{n}") for n in range(SESSIONS))
    ids = [answer.json()["id"] for answer in await asyncio.gather(*submits)]
    await peer.until(lambda peer: sum(line == b"DATA" for line in peer.lines) == SESSIONS)
    return ids


async def _ends(service: Service, ids: list[str]) -> set[tuple[str, int]]:
    """Return the states of messages with the numbers of their attempts."""
    views = [(await service.client.get(f"/v1/messages/{id_}")).json() for id_ in ids]
    return {(view["state"], len(view["attempts"])) for view in views}


async def test_cancelled_messages_free_their_sessions_at_once(service: Service, peer: SmtpPeer) -> None:
    """A code that waits for a session gets the one of a cancelled message, which ends without an attempt."""
    ids = await _hanging(service, peer)
    waiting = (await service.submit("taro@example.jp")).json()["id"]
    assert await _ends(service, [waiting]) == {("queued", 0)}
    await asyncio.gather(*(service.client.post(f"/v1/messages/{id_}/cancel") for id_ in ids))
    assert (await service.outcome(waiting))["state"] == "sent"
    assert await _ends(service, ids) == {("cancelled", 0)}
    assert len(peer.mails) == 1


async def test_superseded_messages_free_their_sessions_at_once(service: Service, peer: SmtpPeer) -> None:
    """A newer code of each challenge leaves over the sessions that the older ones held."""
    ids = await _hanging(service, peer)
    again = (
        service.submit(f"new.{n}@example.jp", challenge=f"c-{n}", template="login_code_reissued")
        for n in range(SESSIONS)
    )
    answers = [answer.json() for answer in await asyncio.gather(*again)]
    assert sorted(id_ for answer in answers for id_ in answer["superseded"]) == sorted(ids)
    outcomes = await asyncio.gather(*(service.outcome(answer["id"]) for answer in answers))
    assert {message["state"] for message in outcomes} == {"sent"}
    assert await _ends(service, ids) == {("superseded", 0)}
    assert len(peer.mails) == SESSIONS


async def test_stop_does_not_wait_for_what_was_cancelled(service: Service, peer: SmtpPeer) -> None:
    """SIGTERM after a cancellation ends the process in order, though the server still says nothing."""
    ids = await _hanging(service, peer)
    await asyncio.gather(*(service.client.post(f"/v1/messages/{id_}/cancel") for id_ in ids))
    assert await service.stop(signal.SIGTERM) == 0
    await service.start()
    assert await _ends(service, ids) == {("cancelled", 0)}
