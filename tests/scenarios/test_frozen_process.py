"""A process that stands still (SIGSTOP, a paused machine) beyond a deadline hands nothing over when it goes on."""

import asyncio
import signal
import time
from pathlib import Path

from tests.support.ledger import Ledger, ambiguous, collect
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import Script, in_turn, say

#: The server greets so late (seconds) that a freeze can outlast the guard's beginning and not the wait for a reply.
GREETED = 5.0


async def _freeze(service: Service, seconds: float) -> None:
    """Have the process stand still."""
    process = service._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        process.send_signal(signal.SIGCONT)


async def test_frozen_before_its_dot_beyond_the_guard_hands_nothing_over(tmp_path: Path) -> None:
    """A mail whose 354 came while the process stood still is expired; one whose dot was out is what came back."""
    ledger = Ledger()
    script: Script = {
        "banner": say("220 peer.example", after=GREETED),
        "data": lambda session: say("354 Go ahead", after=1.5 if b"<data" in session.rcpt_line else 0),
        "dot": say("250 2.0.0 Ok", after=1.0),
    }
    async with (
        SmtpPeer(script=script) as peer,
        Service(folder=tmp_path, settings={"ROUTE": f"smtp://127.0.0.1:{peer.port}?tls=none"}) as service,
    ):
        for name in ("dot", "data"):
            ledger.record((await service.submit(f"{name}@example.jp", expires_in=30)).json())
        await peer.until(lambda peer: peer.mails and any(b"<data" in line for line in peer.lines), within=9)
        await _freeze(service, 7)
        ledger.back_at = time.time()
        dot, data = [await service.outcome(id_) for id_ in ledger.accepted]
        found = await collect(service, peer.stored)
    assert (dot["state"], data["state"], ambiguous(data)) == ("sent", "expired", 0)
    assert [mail.rcpt_line for mail in peer.mails] == [b"RCPT TO:<dot@example.jp>\r\n"]
    assert ledger.violations(found) == []


async def test_frozen_until_a_retry_is_too_late_expires_it(tmp_path: Path) -> None:
    """A retry that fell due while the process stood still is not made when the guard has begun."""
    ledger = Ledger()
    async with (
        SmtpPeer(script={"rcpt": in_turn(say("451 4.3.0 not now"), say("250 2.1.5 Ok"))}) as peer,
        Service(folder=tmp_path, settings={"ROUTE": f"smtp://127.0.0.1:{peer.port}?tls=none"}) as service,
    ):
        ledger.record((await service.submit(expires_in=40)).json())
        (id_,) = ledger.accepted
        while (await service.client.get(f"/v1/messages/{id_}")).json()["next_attempt_at"] is None:
            pass
        await _freeze(service, 22)
        ledger.back_at = time.time()
        message = await service.outcome(id_)
        found = await collect(service, peer.stored)
    assert (message["state"], message["outcome"]["cause"]) == ("expired", "remote_temporary")
    assert not peer.mails
    assert ledger.violations(found) == []
