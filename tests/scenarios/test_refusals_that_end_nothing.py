"""Refusals that are no verdict: of the form of a carrier's address, and by a secondary that is not responsible."""

import asyncio
from pathlib import Path
from typing import Any

from tests.scenarios.battery.site import Ground, Holes, Site
from tests.support.dns_zone import DnsServer
from tests.support.service import Service, free_port
from tests.support.smtp_script import Act, Session, at_first, say

_SYNTAX = say("501 5.1.3 Bad recipient address syntax")


def _docomo(site: Site) -> None:
    """Take no quoted address, and greylist the raw one."""

    def rcpt(session: Session) -> Act:
        return _SYNTAX if b'"' in session.rcpt_line else say("450 4.2.0 Greylisted")

    site.host({"rcpt": rcpt})


def _au(site: Site) -> None:
    """Take neither form."""
    site.host({"rcpt": say("553 Requested action not taken: mailbox name not allowed")})


def _broken_secondary(site: Site) -> None:
    """Be busy for a while at the primary, and relay for nobody at the secondary."""
    site.host({"rcpt": at_first(say("450 4.2.1 Mailbox busy"), 5, say("250 2.1.5 Ok"))}, preference=10)
    site.host({"rcpt": say("550 5.7.1 Relaying denied")}, preference=20)


async def test_refusals_of_a_form_or_by_a_broken_secondary_flag_nobody_and_end_no_message(tmp_path: Path) -> None:
    """The addresses stay unflagged and are not called unknown; the busy primary takes the mail in its time."""
    dns = DnsServer()
    with Holes() as holes:
        async with dns, Ground(zone=dns.zone, port=free_port(), holes=holes, name="refusals", network=41) as ground:
            settings = {"DNS": dns.address, "MX_PORT": str(ground.port), "ALLOW_PRIVATE_MX": "true", "ROUTE": "mx"}
            for carrier, plan in (("docomo.ne.jp", _docomo), ("ezweb.ne.jp", _au)):
                site = await ground.site(carrier.partition(".")[0], plan)
                dns.zone[carrier] = dns.zone[site.domain]
            broken = await ground.site("broken-secondary", _broken_secondary)
            async with Service(folder=tmp_path, settings=settings) as service:

                async def sent(to: str) -> tuple[dict[str, Any], str]:
                    message = (await service.submit(to, expires_in=60 if "broken" in to else 30)).json()["id"]
                    view = await service.outcome(message)
                    state = await service.client.post("/v1/addresses/state", json={"address": to})
                    return view, state.json()["state"]

                docomo, au, busy = await asyncio.gather(
                    sent("bar.@docomo.ne.jp"), sent("a..b@ezweb.ne.jp"), sent(f"taro@{broken.domain}")
                )
    assert [attempt["category"] for attempt in docomo[0]["attempts"]] == ["remote_error", "greylisted"]
    assert (docomo[0]["state"], docomo[0]["outcome"]["cause"], docomo[1]) == ("expired", "greylisted", "unknown")
    assert (au[0]["state"], au[0]["outcome"]["category"], au[1]) == ("failed", "remote_error", "unknown")
    assert (busy[0]["state"], busy[1]) == ("sent", "deliverable")
    assert "550 5.7.1 Relaying denied" in [attempt["reply"] for attempt in busy[0]["attempts"]]
