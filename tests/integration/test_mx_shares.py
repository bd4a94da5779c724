"""Route ``mx``: who gets the sessions of a destination, and of the process, when there are too few."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest

from mailsvc.delivery import shares
from mailsvc.delivery.destinations import FIRST
from mailsvc.delivery.handed import Handed
from mailsvc.delivery.session import Kind
from tests.support.mx import hand_over, mx_route
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import CLOSE, HANG, Act, Then, say

BAD = [f"bad{number}.example" for number in range(6)]
GOOD = "good.example"


async def test_nearest_deadline_goes_first_inside_a_destination() -> None:
    """With one session, three mails that wait for it go in the order of their deadlines."""
    async with (
        SmtpPeer(script={"banner": say("220 peer.example", after=0.3)}) as peer,
        mx_route({GOOD: peer.ip}, peer.port, connections=1) as route,
    ):
        lives = {"first": 90.0, "late": 80.0, "soon": 40.0, "middle": 60.0}
        await asyncio.gather(*(hand_over(route, f"{name}@{GOOD}", life=life) for name, life in lives.items()))
    assert [mail.rcpt_line for mail in peer.stored] == [
        f"RCPT TO:<{name}@{GOOD}>\r\n".encode() for name in ("first", "soon", "middle", "late")
    ]
    assert peer.connections == 1


@pytest.mark.parametrize("stage", ["banner", "rcpt", "dot"])
@pytest.mark.parametrize("before", [None, CLOSE, say("454 4.3.0 later", then=Then.CLOSE)])
async def test_doubtful_destinations_leave_sessions_for_the_others(stage: str, before: Act | None) -> None:
    """However many hang that are unknown, or led nowhere before, a known one's mail finds a session at once."""
    part = 1 if before else 2  # of four sessions
    bad = SmtpPeer(script={"dot": say("250 2.0.0 Ok", then=Then.CLOSE)})
    async with bad, SmtpPeer(ip="127.0.0.2", port=bad.port) as good:
        hosts = dict.fromkeys(BAD, bad.ip) | {GOOD: good.ip}
        async with mx_route(hosts, bad.port, sessions=4) as route:
            await hand_over(route, f"taro@{GOOD}")
            if before:
                await asyncio.gather(*(hand_over(route, f"taro@{domain}") for domain in BAD))
                bad.script = {"banner": before}
                await asyncio.gather(*(hand_over(route, f"taro@{domain}") for domain in BAD))
            bad.script, done = {stage: HANG}, bad.connections
            hanging = [asyncio.create_task(hand_over(route, f"taro@{domain}")) for domain in BAD * 2]
            await bad.until(lambda peer: peer.connections == done + part)
            (handed,) = await hand_over(route, f"taro@{GOOD}")
            assert handed.ended.kind is Kind.ACCEPTED
            assert not any(task.done() for task in hanging)
            assert bad.connections == done + part
            await _give_up(hanging)


@pytest.mark.parametrize("stage", ["banner", "rcpt", "dot"])
async def test_known_sites_that_begin_to_hang_take_no_places_of_the_others(
    stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sites that took every mail and hang all at once hold the places of the process for a moment only."""
    monkeypatch.setattr(shares, "LONG", 0.3)
    bad = SmtpPeer()
    async with bad, SmtpPeer(ip="127.0.0.2", port=bad.port) as good:
        hosts = dict.fromkeys(BAD, bad.ip) | {GOOD: good.ip}
        async with mx_route(hosts, bad.port, sessions=4) as route:
            await asyncio.gather(*(hand_over(route, f"taro@{domain}") for domain in hosts))
            for domain in BAD:
                await route._destinations.of(domain).pool.close()
            bad.script, done = {stage: HANG}, bad.connections
            hanging = [asyncio.create_task(hand_over(route, f"taro@{domain}")) for domain in BAD * 2]
            await bad.until(lambda peer: peer.connections >= done + 4)
            begun = asyncio.get_running_loop().time()
            made = await asyncio.gather(*(hand_over(route, f"taro@{GOOD}", life=20.0) for _ in range(4)))
            assert {handed.ended.kind for (handed,) in made} == {Kind.ACCEPTED}
            assert asyncio.get_running_loop().time() - begun < 3.0
            assert not any(task.done() for task in hanging)
            await _give_up(hanging)


async def test_site_not_heard_of_finds_a_session_however_many_known_ones_are_dead() -> None:
    """Sites whose last session led nowhere leave room for those of which nothing is known yet."""
    bad = SmtpPeer(script={"banner": CLOSE})
    async with bad, SmtpPeer(ip="127.0.0.2", port=bad.port) as good:
        hosts = dict.fromkeys(BAD, bad.ip) | {GOOD: good.ip}
        async with mx_route(hosts, bad.port, sessions=8) as route:
            await asyncio.gather(*(hand_over(route, f"taro@{domain}") for domain in BAD))
            bad.script, done = {"banner": HANG}, bad.connections
            hanging = [asyncio.create_task(hand_over(route, f"taro@{domain}")) for domain in BAD * 3]
            await bad.until(lambda peer: peer.connections == done + 2)
            await asyncio.sleep(0.1)
            (handed,) = await hand_over(route, f"taro@{GOOD}")
            assert handed.ended.kind is Kind.ACCEPTED
            assert not any(task.done() for task in hanging)
            await _give_up(hanging)


@pytest.mark.parametrize("stage", ["banner", "ehlo", "rcpt", "dot"])
async def test_sites_not_heard_of_are_served_beside_others_that_hang(stage: str) -> None:
    """Of thirty new sites nine hang with five mails each; every mail to the others arrives while they do."""
    bad_ones, good_ones = [f"bad{n}.example" for n in range(9)], [f"good{n}.example" for n in range(21)]
    bad = SmtpPeer(script={stage: HANG})
    async with bad, SmtpPeer(ip="127.0.0.2", port=bad.port) as good:
        hosts = dict.fromkeys(bad_ones, bad.ip) | dict.fromkeys(good_ones, good.ip)
        async with mx_route(hosts, bad.port, sessions=40) as route:
            hanging = [asyncio.create_task(hand_over(route, f"taro@{domain}")) for domain in bad_ones * 5]
            await bad.until(lambda peer: peer.connections > len(bad_ones))
            made = await asyncio.gather(*(hand_over(route, f"taro@{domain}") for domain in good_ones * 3))
            assert {handed.ended.kind for (handed,) in made} == {Kind.ACCEPTED}
            assert not any(task.done() for task in hanging)
            await _give_up(hanging)


async def test_rush_to_a_site_not_heard_of_is_not_held_back_where_nothing_else_hangs() -> None:
    """Several mails at once to a new site that is slow to answer the dot are under way side by side."""
    async with SmtpPeer(script={"dot": HANG}) as peer, mx_route({GOOD: peer.ip}, peer.port, sessions=40) as route:
        tasks = [asyncio.create_task(hand_over(route, f"taro@{GOOD}")) for _ in range(FIRST)]
        await peer.until(lambda peer: len(peer.mails) == FIRST)
        await _give_up(tasks)


async def _give_up(tasks: Sequence[asyncio.Task[list[Handed]]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_idle_connections_to_several_hosts_count_as_sessions_of_their_site() -> None:
    """With two sessions a site never has more connections open, whichever of its hosts the mails go to."""
    hosts = {f"mx{n}.site.example": f"127.0.0.{n}" for n in range(1, 5)}
    peers = [SmtpPeer(ip="127.0.0.1")]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(peers[0])
        for ip in list(hosts.values())[1:]:
            peers.append(await stack.enter_async_context(SmtpPeer(ip=ip, port=peers[0].port)))
        route = await stack.enter_async_context(mx_route(hosts, peers[0].port, connections=2))
        for number, host in enumerate(hosts, 1):
            await hand_over(route, f"taro@{host}")
            for peer in peers[: max(0, number - 2)]:
                await peer.until(lambda peer: b"QUIT" in peer.lines and not peer._tasks)
        assert [len(peer._tasks) for peer in peers] == [0, 0, 1, 1]
        assert [peer.connections for peer in peers] == [1, 1, 1, 1]


async def test_site_that_gets_fewer_sessions_keeps_fewer_idle_connections() -> None:
    """Where the places of a site become fewer, idle connections beyond them end at once."""
    async with (
        SmtpPeer(script={"dot": say("250 2.0.0 Ok", after=0.1)}) as peer,
        mx_route({GOOD: peer.ip}, peer.port) as route,
    ):
        await asyncio.gather(*(hand_over(route, f"taro@{GOOD}") for _ in range(2)))
        assert len(peer._tasks) == 2
        for _ in range(2):
            route._destinations.of(GOOD).led_nowhere()  # from four to one
        await peer.until(lambda peer: len(peer._tasks) == 1)


async def test_destination_that_loses_every_dot_gets_fewer_sessions() -> None:
    """A connection lost after the dot is trouble: the destination is not widened by it."""
    async with (
        SmtpPeer(script={"dot": CLOSE}) as peer,
        mx_route({GOOD: peer.ip}, peer.port, connections=8) as route,
    ):
        made = await asyncio.gather(*(hand_over(route, f"taro@{GOOD}") for _ in range(8)))
        assert {handed.ended.kind for (handed,) in made} == {Kind.AMBIGUOUS}
        assert route._destinations.of(GOOD).places.limit == 1
