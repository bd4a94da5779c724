"""Route ``mx``: who gets the sessions of a destination, and of the process, when there are too few."""

import asyncio

import pytest

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
            await bad.until(lambda peer: peer.connections == done + 2)
            (handed,) = await hand_over(route, f"taro@{GOOD}")
            assert handed.ended.kind is Kind.ACCEPTED
            assert not any(task.done() for task in hanging)
            assert bad.connections == done + 2
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)


async def test_destination_that_loses_every_dot_gets_fewer_sessions() -> None:
    """A connection lost after the dot is trouble: the destination is not widened by it."""
    async with (
        SmtpPeer(script={"dot": CLOSE}) as peer,
        mx_route({GOOD: peer.ip}, peer.port, connections=8) as route,
    ):
        made = await asyncio.gather(*(hand_over(route, f"taro@{GOOD}") for _ in range(8)))
        assert {handed.ended.kind for (handed,) in made} == {Kind.AMBIGUOUS}
        assert route._destinations.of(GOOD).places.limit == 1
