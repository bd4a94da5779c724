"""Connections kept for the next mail."""

import asyncio
import socket

import pytest

from mailsvc.delivery.connection import Connection
from mailsvc.delivery.places import Places
from mailsvc.delivery.pool import Pool
from mailsvc.delivery.session import Ended, Kind
from mailsvc.domain.reply import Stage
from tests.support.smtp import Gatekeeper, deadlines, endpoint, envelope, on_both_loops
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import CLOSE, HANG, RESET, Act, Then, by_connection, drip, in_turn, say

OK = say("250 2.0.0 Ok")


async def _deliver(pool: Pool, peer: SmtpPeer, gate: Gatekeeper | None = None) -> Ended:
    return await pool.deliver(endpoint(peer), envelope(), gate=gate or Gatekeeper(), deadlines=deadlines())


@on_both_loops
async def test_second_mail_goes_over_the_first_ones_connection() -> None:
    """A connection in order is used again, without RSET after a 250, and its opening is told once."""
    pool = Pool(Places(5))
    async with SmtpPeer() as peer:
        first, second = [await _deliver(pool, peer) for _ in range(2)]
        await pool.close()
    assert (peer.connections, len(peer.stored)) == (1, 2)
    assert [line.split()[0] for line in peer.lines] == [b"EHLO", *[b"MAIL", b"RCPT", b"DATA"] * 2, b"QUIT"]
    assert [first.reused, second.reused] == [False, True]
    assert [name for name, _ in second.seconds] == ["transfer"]


@on_both_loops
async def test_connection_has_no_delay_and_the_chosen_source() -> None:
    """Small segments leave at once, from the local address that was asked for."""
    async with SmtpPeer() as peer:
        to = endpoint(peer, source="127.0.0.2")
        connection = await Connection.open(to, gate=Gatekeeper(), by=deadlines().before_dot)
        sock = connection._wire._open_transport.get_extra_info("socket")
        no_delay = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        connection.close()
        await connection.closed
    assert no_delay
    assert peer.clients == ["127.0.0.2"]


@on_both_loops
async def test_server_talking_on_after_the_mail_is_cut_off() -> None:
    """Replies without an end behind a 250 leave the mail accepted and the connection closed."""
    pool = Pool(Places(5))
    async with SmtpPeer(script={"dot": Act(sends=b"250 2.0.0 Ok\r\n", forever=True, stores=True)}) as peer:
        ended = await _deliver(pool, peer)
        await peer.until(lambda peer: not peer._tasks)
        await pool.close()
    assert (ended.kind, len(peer.stored)) == (Kind.ACCEPTED, 1)


@on_both_loops
async def test_idle_server_speaking_out_of_turn_is_cut_off_at_once() -> None:
    """A word that nobody asked for ends an idle connection without waiting for its time."""
    pool = Pool(Places(5))
    async with SmtpPeer(script={"dot": drip("250 Ok\n421 4.4.2 bye", 0.01)}) as peer:
        ended = await _deliver(pool, peer)
        await peer.until(lambda peer: not peer._tasks)
        await pool.close()
    assert ended.kind is Kind.ACCEPTED


@pytest.mark.parametrize("capabilities", [("PIPELINING",), ()], ids=["pipelined", "one by one"])
async def test_transaction_that_ended_midway_is_reset_before_the_next(capabilities: tuple[str, ...]) -> None:
    """After a refused recipient the next mail begins with RSET on the same connection."""
    go_ahead = say("354 Go")
    refused = say("554 5.5.1 no recipient") if capabilities else go_ahead
    script = {"rcpt": in_turn(say("450 4.2.0 later"), OK), "data": in_turn(refused, go_ahead)}
    pool = Pool(Places(5))
    async with SmtpPeer(capabilities=capabilities, script=script) as peer:
        first, second = [await _deliver(pool, peer) for _ in range(2)]
        await pool.close()
    assert (first.kind, first.stage, second.kind) == (Kind.DEFERRED, Stage.RCPT, Kind.ACCEPTED)
    verbs = [line.split()[0] for line in peer.lines]
    assert (peer.connections, verbs.count(b"RSET")) == (1, 1)
    assert verbs[verbs.index(b"RSET") + 1] == b"MAIL"


async def test_refused_at_the_dot_is_no_transaction_to_reset() -> None:
    """The dot ends a transaction whatever its answer (RFC 5321 4.1.1.4)."""
    pool = Pool(Places(5))
    async with SmtpPeer(script={"dot": in_turn(say("554 5.7.1 spam"), OK)}) as peer:
        first, second = [await _deliver(pool, peer) for _ in range(2)]
        await pool.close()
    assert (first.kind, second.kind, peer.connections) == (Kind.REFUSED, Kind.ACCEPTED, 1)
    assert b"RSET" not in peer.lines


@pytest.mark.parametrize(
    "death",
    [CLOSE, RESET, say("421 4.4.2 too many mails", then=Then.CLOSE), say("421 4.4.2 too many mails"), HANG],
    ids=["close", "reset", "421 and close", "421", "silence"],
)
@on_both_loops
async def test_reused_connection_found_dead_is_replaced_within_the_attempt(death: Act) -> None:
    """A connection that dies at the next mail's MAIL costs no attempt: the mail goes over a new one, once."""
    pool, gate = Pool(Places(5)), Gatekeeper()
    async with SmtpPeer(script={"mail": in_turn(OK, death, OK)}) as peer:
        await _deliver(pool, peer)
        ended = await _deliver(pool, peer, gate)
        await pool.close()
    assert (ended.kind, ended.reused) == (Kind.ACCEPTED, False)
    assert (peer.connections, len(peer.stored)) == (2, 2)
    assert gate.asked.count(Stage.DOT) == 1


@on_both_loops
async def test_connection_closed_while_idle_is_not_used_again() -> None:
    """A server that leaves an idle connection costs the next mail nothing."""
    pool = Pool(Places(5))
    async with SmtpPeer(script={"dot": by_connection(say("250 Ok", then=Then.CLOSE), OK)}) as peer:
        ended = [await _deliver(pool, peer) for _ in range(2)]
        await pool.close()
    assert [end.kind for end in ended] == [Kind.ACCEPTED] * 2
    assert (peer.connections, len(peer.stored)) == (2, 2)


async def test_connection_failing_at_mail_on_first_use_is_not_retried() -> None:
    """Only a reused connection is replaced: a new one that dies ends the attempt."""
    pool = Pool(Places(5))
    async with SmtpPeer(script={"mail": CLOSE}) as peer:
        ended = await _deliver(pool, peer)
        await pool.close()
    assert (ended.kind, ended.stage, peer.connections) == (Kind.FAILED, Stage.MAIL, 1)


async def test_ambiguous_end_on_a_reused_connection_is_not_repeated() -> None:
    """A connection lost after the dot is never replaced within the attempt: the mail may be there."""
    pool = Pool(Places(5))
    async with SmtpPeer(script={"dot": in_turn(OK, Act(then=Then.RESET, stores=True))}) as peer:
        ended = [await _deliver(pool, peer) for _ in range(2)]
        await pool.close()
    assert [end.kind for end in ended] == [Kind.ACCEPTED, Kind.AMBIGUOUS]
    assert (peer.connections, len(peer.stored)) == (1, 2)


async def test_idle_connection_is_left_with_quit_when_its_time_is_over() -> None:
    """An idle connection ends politely, and the next mail opens a new one."""
    pool = Pool(Places(5))
    async with SmtpPeer() as peer:
        to = endpoint(peer, idle=0.1)
        await pool.deliver(to, envelope(), gate=Gatekeeper(), deadlines=deadlines())
        await peer.until(lambda peer: b"QUIT" in peer.lines)
        await pool.deliver(to, envelope(), gate=Gatekeeper(), deadlines=deadlines())
        await pool.close()
    assert peer.connections == 2


async def test_worn_connection_is_left_with_quit() -> None:
    """After as many mails as one connection may carry the next mail opens a new one."""
    pool = Pool(Places(5))
    async with SmtpPeer() as peer:
        to = endpoint(peer, mails=2)
        for _ in range(5):
            await pool.deliver(to, envelope(), gate=Gatekeeper(), deadlines=deadlines())
        await pool.close()
    assert (peer.connections, len(peer.stored)) == (3, 5)


async def test_idle_connections_are_used_before_new_ones_are_opened() -> None:
    """As many connections are opened as mails are under way at one time, and no more."""
    places = Places(3)
    pool = Pool(places)
    async with SmtpPeer(script={"dot": say("250 Ok", after=0.02)}) as peer:

        async def deliver() -> Ended:
            async with places.at(deadlines().before_dot):
                return await _deliver(pool, peer)

        ended = await asyncio.gather(*(deliver() for _ in range(20)))
        await pool.close()
    assert {end.kind for end in ended} == {Kind.ACCEPTED}
    assert (peer.connections, len(peer.stored)) == (3, 20)


async def test_idle_connection_gives_way_to_one_that_leads_elsewhere() -> None:
    """With one place an idle connection ends, politely, before another is opened."""
    pool = Pool(Places(1))
    async with SmtpPeer() as peer:
        for helo in ("one.example", "two.example"):
            to = endpoint(peer, helo=helo)
            await pool.deliver(to, envelope(), gate=Gatekeeper(), deadlines=deadlines())
        await peer.until(lambda peer: len(peer._tasks) == 1)
        await pool.close()
    assert [line.split()[0] for line in peer.lines if line.startswith((b"QUIT", b"EHLO"))] == [
        b"EHLO",
        b"QUIT",
        b"EHLO",
        b"QUIT",
    ]


async def test_other_endpoint_has_connections_of_its_own() -> None:
    """What differs in any part of its endpoint never shares a connection."""
    pool = Pool(Places(5))
    async with SmtpPeer() as peer:
        for helo in ("one.example", "two.example"):
            to = endpoint(peer, helo=helo)
            await pool.deliver(to, envelope(), gate=Gatekeeper(), deadlines=deadlines())
        await pool.close()
    assert [line for line in peer.lines if line.startswith(b"EHLO")] == [b"EHLO one.example", b"EHLO two.example"]


async def test_delivery_that_ends_after_close_keeps_no_connection() -> None:
    """A mail in flight while the pool closes is finished, and its connection is left with QUIT."""
    pool = Pool(Places(5))
    async with SmtpPeer(script={"dot": say("250 Ok", after=0.1)}) as peer:
        task = asyncio.create_task(_deliver(pool, peer))
        await peer.until(lambda peer: peer.mails)
        await pool.close()
        ended = await task
        await peer.until(lambda peer: b"QUIT" in peer.lines)
    assert ended.kind is Kind.ACCEPTED
