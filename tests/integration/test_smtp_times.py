"""Time limits, the guard, and gates that fail (DESIGN 2.2)."""

import asyncio

import pytest

from mailsvc.delivery.connection import Connection
from mailsvc.delivery.session import Deadlines, Kind, SessionError, Timeouts
from mailsvc.domain.reply import Stage
from tests.support.smtp import Gatekeeper, attempt, deadlines, endpoint, envelope, on_both_loops
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import DEAF, HANG, say

LARGE = b"x" * 998 + b"\r\n"


@on_both_loops
async def test_mail_a_peer_does_not_take_is_cut_at_the_guard() -> None:
    """Octets unsent when the mail may no longer be handed over never reach the peer, and the end is unknown."""
    mail = envelope(data=LARGE * 8000)
    async with SmtpPeer(script={"body": DEAF}, receive_buffer=4096) as peer:
        connection = await Connection.open(endpoint(peer), gate=Gatekeeper(), by=deadlines().before_dot)
        limits = deadlines(life=0.5)
        ended = await connection.transact(mail, gate=Gatekeeper(), deadlines=limits)
        waited = asyncio.get_running_loop().time() - limits.send_by
        await connection.closed
    assert (ended.kind, ended.stage) == (Kind.AMBIGUOUS, Stage.DOT)
    assert "unsent" in ended.text
    assert waited > -0.3  # uvloop's timers are early by the time since its last turn
    assert peer.mails == []


async def test_mail_taken_whole_is_waited_for_beyond_the_guard() -> None:
    """The guard cuts only what is unsent: the reply to the dot is awaited until the deadline."""
    async with SmtpPeer(script={"dot": say("250 2.0.0 Ok", after=0.8)}) as peer:
        to = endpoint(peer)
        connection = await Connection.open(to, gate=Gatekeeper(), by=deadlines().before_dot)
        now = asyncio.get_running_loop().time()
        limits = Deadlines(before_dot=now + 0.3, send_by=now + 0.3, answer_by=now + 10)
        ended = await connection.transact(envelope(), gate=Gatekeeper(), deadlines=limits)
        connection.close()
        await connection.closed
    assert ended.kind is Kind.ACCEPTED


async def test_each_reply_of_a_pipelined_group_has_its_own_time() -> None:
    """Three slow replies may together take longer than one may."""
    script = {
        stage: say(code, after=0.3) for stage, code in (("mail", "250 Ok"), ("rcpt", "250 Ok"), ("data", "354 Go"))
    }
    async with SmtpPeer(script=script) as peer:
        ended = await attempt(endpoint(peer))
    assert ended.kind is Kind.ACCEPTED


async def test_attempt_of_slow_replies_ends_with_its_budget() -> None:
    """Replies that each come in time do not stretch the attempt beyond its sum."""
    async with SmtpPeer(script={"rcpt": say("250 Ok", after=0.8)}) as peer:
        ended = await attempt(endpoint(peer, timeouts=Timeouts(reply=5.0, attempt=0.4)))
    assert (ended.kind, ended.stage, peer.mails) == (Kind.FAILED, Stage.RCPT, [])
    assert ended.text == "the time for the attempt was over"


async def test_gate_without_an_answer_ends_with_the_budget() -> None:
    """A gate that hangs cannot hold an attempt, and nothing was handed over."""

    async def hang(stage: Stage) -> str | None:
        if stage is Stage.DOT:
            await asyncio.Event().wait()
        return None

    async with SmtpPeer() as peer:
        to = endpoint(peer)
        connection = await Connection.open(to, gate=hang, by=deadlines().before_dot)
        limits = deadlines(Timeouts(attempt=0.3))
        ended = await connection.transact(envelope(), gate=hang, deadlines=limits)
        await connection.closed
    assert (ended.kind, ended.stage, peer.mails) == (Kind.FAILED, Stage.DOT, [])


@pytest.mark.parametrize("error", [TimeoutError("store"), OSError("store"), RuntimeError("store")], ids=repr)
async def test_what_a_gate_raises_goes_up_and_cuts_the_connection(error: Exception) -> None:
    """A fault behind a gate is the caller's: it is not taken for the peer's, and no mail leaves."""

    async def broken(stage: Stage) -> str | None:
        if stage is Stage.DOT:
            raise error
        return None

    async with SmtpPeer() as peer:
        connection = await Connection.open(endpoint(peer), gate=broken, by=deadlines().before_dot)
        with pytest.raises(type(error), match="store"):
            await connection.transact(envelope(), gate=broken, deadlines=deadlines())
        await connection.closed
    assert peer.mails == []


@on_both_loops
async def test_connection_lost_while_the_gate_thinks_hands_nothing_over() -> None:
    """A peer that leaves between 354 and the mail's bytes gets none of them."""

    async def slow(stage: Stage) -> str | None:
        await asyncio.sleep(0.2 if stage is Stage.DOT else 0)
        return None

    async with SmtpPeer(script={"body": say("421 4.4.2 too slow")}) as peer:
        connection = await Connection.open(endpoint(peer), gate=slow, by=deadlines().before_dot)
        ended = await connection.transact(envelope(), gate=slow, deadlines=deadlines())
        await connection.closed
    assert (ended.kind, ended.handed_over_at, peer.mails) == (Kind.FAILED, None, [])
    assert "421 4.4.2 too slow" in ended.text


async def test_cancelled_attempt_cuts_the_connection() -> None:
    """A task that is cancelled leaves no connection behind."""
    async with SmtpPeer(script={"rcpt": HANG}) as peer:
        connection = await Connection.open(endpoint(peer), gate=Gatekeeper(), by=deadlines().before_dot)
        task = asyncio.create_task(connection.transact(envelope(), gate=Gatekeeper(), deadlines=deadlines()))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(connection.closed, 1)
    assert not connection.reusable


async def test_open_under_a_budget_that_is_over_fails_at_once() -> None:
    """No connection is opened for an attempt without time."""
    async with SmtpPeer(script={"banner": HANG}) as peer:
        now = asyncio.get_running_loop().time()
        with pytest.raises(SessionError) as caught:
            await Connection.open(endpoint(peer), gate=Gatekeeper(), by=now - 1)
    assert caught.value.ended.kind is Kind.FAILED


def test_attempt_fits_into_a_code_life() -> None:
    """Phases are shorter than the attempt, and the attempt shorter than a code's life."""
    timeouts = Timeouts()
    assert timeouts.connect + timeouts.reply < timeouts.attempt
    assert timeouts.attempt < 300
