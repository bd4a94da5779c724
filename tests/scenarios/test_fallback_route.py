"""The second route: taken where the first one gets nowhere or refuses us, never where it may start a second copy."""

import asyncio
from pathlib import Path

from mailsvc.delivery.relay import SESSIONS
from tests.scenarios.battery.play import Played, Sent, play_all
from tests.scenarios.battery.site import Ground, Holes, Site
from tests.scenarios.battery.story import Story, alone, first_time
from tests.support.dns_zone import DnsServer, No
from tests.support.service import Service, free_port
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import HANG, RESET, Act, Session, at_first, say

#: From so long after acceptance it is tried in turn with the first one (seconds); the next moment is at 20 s.
TAKEN_BY = 27.0
_ONCE = (0.0,)


def _unresolved(site: Site) -> None:
    site.domain_is(No.SERVFAIL)


def _silent(site: Site) -> None:
    site.silent()


def _refusing(site: Site) -> None:
    site.refusing()


def _silent_hosts(site: Site) -> None:
    for preference in range(8):
        site.silent(preference=preference)


_GREY = say("450 4.2.0 Greylisted")
_OK = say("250 2.1.5 Ok")
BY_FALLBACK = [
    Story(name="unresolved", plan=_unresolved, submits=_ONCE, within=TAKEN_BY),
    Story(name="silent", plan=_silent, submits=_ONCE, within=TAKEN_BY + 10),
    Story(
        name="refuses-us",
        plan=alone(lambda: {"mail": say("550 5.7.1 Your address is blocked")}),
        submits=_ONCE,
        within=5.0,
    ),
    Story(
        name="refuses-us-at-rcpt",
        plan=alone(lambda: {"rcpt": say("554 5.7.1 Client host [127.0.0.1] blocked using zen.spamhaus.org")}),
        submits=_ONCE,
        within=5.0,
    ),
    Story(
        name="wants-less-of-us",
        plan=alone(lambda: {"rcpt": say("450 4.7.1 Too many messages from your IP, rate limit exceeded")}),
        submits=_ONCE,
        within=TAKEN_BY,
    ),
    # Short lives: the first route is alone for a third of what is usable, and leaves as much.
    Story(name="dead-short", plan=_refusing, submits=_ONCE, life=30, within=3.4 + 4),
    Story(name="silent-short", plan=_silent_hosts, submits=_ONCE, life=40, within=20.0),
    Story(name="hangs-short", plan=alone(lambda: {"rcpt": HANG}), submits=_ONCE, life=30, within=10.0),
    Story(name="unresolved-short", plan=_unresolved, submits=_ONCE, life=40, within=20.0),
]
NEVER = [
    Story(
        name="greylisted",
        plan=alone(lambda: {"rcpt": at_first(_GREY, 22, _OK)}),
        submits=_ONCE,
        within=50.0,
    ),
    Story(
        name="unknown-there",
        plan=alone(lambda: {"rcpt": say("550 5.1.1 User unknown")}),
        submits=_ONCE,
        state="failed",
        known_within=0.0,
    ),
    *(
        Story(
            name=f"word-on-the-recipient-at-{step}",
            plan=alone(lambda step=step, text=text: {step: say(text)}),  # type: ignore[misc]
            submits=_ONCE,
            state="failed",
            known_within=0.0,
        )
        for step, text in (("data", "550 5.1.1 User unknown"), ("dot", "552 5.2.2 Mailbox full"))
    ),
    Story(name="lost-at-dot", plan=alone(lambda: {"dot": RESET}), submits=_ONCE, state="unknown", known_within=0.0),
    Story(
        name="lost-at-dot-then-busy",
        plan=alone(lambda: {"dot": first_time(RESET, Act(sends=b"451 4.3.0 Busy\r\n"))}),
        submits=_ONCE,
        life=75,
        state="unknown",
        known_within=75.0 - 60.0,  # no repeat begins later
    ),
]


async def test_fallback_route_takes_what_the_first_cannot_and_never_a_possible_copy(tmp_path: Path) -> None:
    """The relay gets mail where hosts lead nowhere or refuse us, none after a word on the recipient or a lost dot."""
    dns = DnsServer()
    with Holes() as holes:
        async with dns, Ground(zone=dns.zone, port=free_port(), holes=holes) as ground, SmtpPeer() as relay:
            settings = {
                "ROUTE": "mx",
                "FALLBACK_ROUTE": f"smtp://127.0.0.1:{relay.port}?tls=none",
                "DNS": dns.address,
                "MX_PORT": str(ground.port),
                "ALLOW_PRIVATE_MX": "true",
            }
            async with Service(folder=tmp_path, settings=settings) as service:

                async def submit(to: str, code: str, life: float) -> str:
                    return str((await service.submit(to, code=code, expires_in=life)).json()["id"])

                played = await play_all([*BY_FALLBACK, *NEVER], ground, submit)
                views = await asyncio.gather(*(service.outcome(one.codes[0].name) for one in played))
    for one, view in zip(played, views, strict=True):
        (code,) = one.codes
        fallen = one.story in BY_FALLBACK
        taken = _after(relay, code)
        assert (taken is not None) is fallen, (one.story.name, view["attempts"])
        assert view["state"] == ("sent" if fallen else one.story.state), (one.story.name, view["attempts"])
        assert view["outcome"]["relayed"] is fallen
        after = taken if taken is not None else one.arrived_after(code)
        assert (after is not None) is (one.story.within is not None)
        assert after is None or one.story.within is None or after <= one.story.within, one.story.name
        assert _copies(relay, one) <= 1


def _after(relay: SmtpPeer, code: Sent) -> float | None:
    line = f"<{code.to}>".encode()
    return next((mail.at - code.at for mail in relay.stored if line in mail.rcpt_line), None)


def _copies(relay: SmtpPeer, played: Played) -> int:
    (code,) = played.codes
    line = f"<{code.to}>".encode()
    return len(played.stored(code)) + sum(line in mail.rcpt_line for mail in relay.stored)


#: What the first relay says to each recipient; the others hang at their dots and hold all its sessions.
_SAID = {
    "denied": "554 5.7.1 Relay access denied",
    "lookup": "451 4.3.0 Temporary lookup failure",
}


async def test_second_relay_takes_what_the_first_refuses_defers_or_has_no_place_for(tmp_path: Path) -> None:
    """Denied relaying and a relay in trouble at RCPT, and what waits behind dots that nobody answers."""

    def rcpt(session: Session) -> Act:
        name = session.rcpt_line.partition(b"<")[2].partition(b"@")[0].decode()
        return say(_SAID.get(name, "250 2.1.5 Ok"))

    async with SmtpPeer(script={"rcpt": rcpt, "dot": HANG}) as first, SmtpPeer() as second:
        settings = {
            "ROUTE": f"smtp://127.0.0.1:{first.port}?tls=none",
            "FALLBACK_ROUTE": f"smtp://127.0.0.1:{second.port}?tls=none",
        }
        async with Service(folder=tmp_path, settings=settings) as service:

            async def submit(name: str) -> str:
                return str((await service.submit(f"{name}@example.jp", expires_in=35)).json()["id"])

            refused = [await submit(name) for name in _SAID]
            held = [await submit(f"held{number}") for number in range(SESSIONS)]
            waiting = await submit("waits")
            views = await asyncio.gather(*map(service.outcome, [*refused, waiting]))
            still = [(await service.client.get(f"/v1/messages/{name}")).json()["state"] for name in held]
            await service.kill()
    assert [(view["state"], view["outcome"]["relayed"]) for view in views] == [("sent", True)] * 3
    assert len(views[0]["attempts"]) == 2  # at once
    assert views[-1]["attempts"][0]["reply"] == "127.0.0.1 had no free session in time"
    assert len(second.stored) == 3
    assert set(still) == {"queued"}  # they may have arrived: nothing is sent twice
