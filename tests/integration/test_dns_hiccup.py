"""DNS that fails for a moment: no code ends for it, however short its life."""

import asyncio
from pathlib import Path

from tests.support.dns_zone import DnsServer, No, Zone
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer

ZONE: Zone = {"example.jp": {"MX": ["10 mx.example.jp."]}, "mx.example.jp": {"A": ["127.0.0.1"]}}
#: Seconds; the shortest ones leave a code no second try.
LIVES = (30, 35, 45, 60)


async def test_code_with_a_single_try_is_delivered_though_dns_failed_a_moment_ago(tmp_path: Path) -> None:
    """What DNS said to an earlier mail ends no later one: its own try asks again, and waits for the answer."""
    async with SmtpPeer() as peer, DnsServer(zone=ZONE | {"example.jp": No.SERVFAIL}) as dns:
        settings = {"ROUTE": "mx", "DNS": dns.address, "MX_PORT": str(peer.port), "ALLOW_PRIVATE_MX": "true"}
        async with Service(folder=tmp_path, settings=settings) as service:
            await service.submit("first@example.jp", expires_in=60)
            async with asyncio.timeout(5):
                while not dns.questions:  # noqa: ASYNC110  the server has no event for a question
                    await asyncio.sleep(0.01)
            dns.zone["example.jp"] = ZONE["example.jp"]
            submitted = [await service.submit(f"life{life}@example.jp", expires_in=life) for life in LIVES]
            views = [await service.outcome(response.json()["id"]) for response in submitted]
    assert [(view["state"], len(view["attempts"])) for view in views] == [("sent", 1)] * len(LIVES)
