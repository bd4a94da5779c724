"""An address that was registered while DNS had trouble is heard of later, over a kill (CONTRACT 3.4, 3.6)."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support.dns_zone import DnsServer, No
from tests.support.service import Service


def hurry(folder: Path) -> int:
    """Have every look that waits be due now; return how many those are."""
    with closing(sqlite3.connect(folder / "mailsvc.db")) as connection, connection:
        return connection.execute("UPDATE rechecks SET next_at = 0").rowcount


async def test_domain_that_turns_out_not_to_exist_is_told_after_a_kill(tmp_path: Path) -> None:
    """`unknown` at the form, kill -9, and the next process finds the domain gone: one event, one state."""
    async with (
        DnsServer(zone={"slow.jp": No.SERVFAIL, "fine.jp": No.SERVFAIL}) as server,
        Service(folder=tmp_path, settings={"DNS": server.address}) as service,
    ):
        for address in ("taro@slow.jp", "taro@fine.jp"):
            found = (await service.client.post("/v1/addresses/check", json={"address": address})).json()
            assert found["verdict"] == "unknown"
        await service.kill()
        assert hurry(tmp_path) == 2
        server.zone |= {"slow.jp": No.NXDOMAIN, "fine.jp": {"A": ["8.8.8.8"]}}
        await service.start()
        (told,) = (await service.client.get("/v1/events?wait=20&types=address.changed")).json()["events"]
        assert (told["address"], told["data"]["because"], told["data"]["state"]) == ("taro@slow.jp", "dns", "suspect")
        known = (await service.client.post("/v1/addresses/state", json={"address": "taro@slow.jp"})).json()
        assert known["evidence"][0]["source"] == "dns"
        assert known["guidance"]["ja"]
        again = (await service.client.post("/v1/addresses/check", json={"address": "taro@fine.jp"})).json()
        assert (again["verdict"], again["state"]) == ("ok", None)
        assert "taro@slow.jp" not in service.printed
        await service.stop()
        assert hurry(tmp_path) == 0
