"""The state of an address over real sockets: DNS, mail exchangers, HTTP; hours pass by moving what is stored back."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.support.api import problem
from tests.support.dns_zone import DnsServer, Zone
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import say

TO = "taro@docomo.ne.jp"
ZONE: Zone = {"docomo.ne.jp": {"MX": ["10 mx.docomo.ne.jp."]}, "mx.docomo.ne.jp": {"A": ["127.0.0.1"]}}
NOBODY = say("550 5.1.1 User unknown")
HOUR = 3600.0


@asynccontextmanager
async def ground(folder: Path) -> AsyncIterator[tuple[Service, SmtpPeer]]:
    """Run a service that finds one mail exchanger by DNS."""
    async with DnsServer(zone=ZONE) as dns, SmtpPeer() as peer:
        settings = {
            "ROUTE": "mx",
            "DNS": dns.address,
            "MX_PORT": str(peer.port),
            "ALLOW_PRIVATE_MX": "true",
            "SENDER": "no-reply@mail.jtg-sec.co.jp",
        }
        async with Service(folder=folder, settings=settings) as service:
            yield service, peer


async def mail(service: Service, to: str = TO, **fields: Any) -> dict[str, Any]:
    """Submit a code; return its message when it has ended."""
    return await service.outcome((await service.submit(to, **fields)).json()["id"])


async def state(service: Service, to: str = TO) -> dict[str, Any]:
    """Return what is known of an address."""
    found: dict[str, Any] = (await service.client.post("/v1/addresses/state", json={"address": to})).json()
    return found


async def pass_time(service: Service, seconds: float) -> None:
    """Have everything that is known of addresses be older, over a restart."""
    await service.stop()
    with sqlite3.connect(service.folder / "mailsvc.db") as connection:
        connection.execute("UPDATE evidence SET at = at - ?", [seconds])
        for column in ("since", "until", "proof_at"):
            connection.execute(f"UPDATE addresses SET {column} = {column} - ?", [seconds])
    connection.close()
    await service.start()


def undeliverable(answer: httpx2.Response) -> None:
    """Assert that a submit was refused, with words for the customer."""
    note = problem(answer, "address_undeliverable")["address"]
    assert (note["state"], note["category"]) == ("undeliverable", "user_unknown")
    assert "変更手続き" in note["guidance"]["ja"]
    assert "address changed" in note["guidance"]["en"]


async def test_full_mailbox_is_told_with_the_next_code_and_cleared_by_its_delivery(tmp_path: Path) -> None:
    """552 5.2.2 at RCPT; the next 202 says that the mailbox is full and what to do; a 250 ends it."""
    async with ground(tmp_path) as (service, peer):
        assert (await mail(service))["address"] is None
        peer.script = {"rcpt": say("552 5.2.2 Mailbox full")}
        failed = await mail(service)
        assert (failed["state"], failed["outcome"]["category"]) == ("failed", "mailbox_full")
        assert [attempt["destination"] for attempt in failed["attempts"]] == ["docomo.ne.jp"]
        assert failed["address"]["state"] == "mailbox_full"
        peer.script = {}
        answer = (await service.submit(TO)).json()
        assert answer["address"]["state"] == "mailbox_full"
        assert "空き容量" in answer["address"]["guidance"]["ja"]
        assert "mailbox is full" in answer["address"]["guidance"]["en"]
        assert (await service.outcome(answer["id"]))["address"] is None
        assert (await state(service))["state"] == "deliverable"
        changes = [event["data"] for event in await service.events() if event["type"] == "address.changed"]
        assert [(one["previous"], one["state"]) for one in changes] == [
            ("deliverable", "mailbox_full"),
            ("mailbox_full", "deliverable"),
        ]


async def test_undeliverable_address_is_refused_but_for_one_proof_an_hour(tmp_path: Path) -> None:
    """Two 5.1.1 a minute apart; then 409 until an hour has passed, one proof, 409 again; the proof's 250 ends it."""
    async with ground(tmp_path) as (service, peer):
        peer.script = {"rcpt": NOBODY}
        assert (await mail(service))["address"]["state"] == "suspect"
        await pass_time(service, 61)
        assert (await mail(service))["address"]["state"] == "undeliverable"
        undeliverable(await service.submit(TO))
        assert (await service.submit(TO, force=True)).status_code == 202
        await pass_time(service, HOUR)
        peer.script = {}
        answers = await asyncio.gather(*(service.submit(TO) for _ in range(20)))
        (proof,) = [answer for answer in answers if answer.status_code == 202]
        assert sum(answer.status_code == 409 for answer in answers) == 19
        assert (await service.outcome(proof.json()["id"]))["state"] == "sent"
        assert (await state(service))["state"] == "deliverable"
        assert (await service.submit(TO)).json()["address"] is None


async def test_domain_that_does_not_exist_is_evidence(tmp_path: Path) -> None:
    """NXDOMAIN flags the address as DNS said it."""
    async with ground(tmp_path) as (service, _):
        await mail(service, "taro@nowhere.example.jp")
        found = await state(service, "taro@nowhere.example.jp")
        assert (found["state"], found["category"]) == ("suspect", "domain_unknown")
        assert (found["evidence"][0]["source"], found["evidence"][0]["stage"]) == ("dns", "dns")


async def test_state_lapses_by_itself(tmp_path: Path) -> None:
    """A day after the last word a full mailbox is forgotten, and an event says so."""
    async with ground(tmp_path) as (service, peer):
        peer.script = {"rcpt": say("452 4.2.2 Mailbox full")}
        await mail(service, expires_in=31)
        assert (await state(service))["state"] == "mailbox_full"
        await pass_time(service, 24 * HOUR)
        assert (await state(service))["state"] == "deliverable"
        async with asyncio.timeout(10):
            while (await service.events())[-1]["data"].get("because") != "lapsed":  # noqa: ASYNC110  another process
                await asyncio.sleep(0.1)


async def test_site_that_knows_nobody_any_more_flags_nobody(tmp_path: Path) -> None:
    """Of 30 customers refused at once none stays suspect; the log and the metrics raise an alarm."""
    customers = [f"customer{number}@docomo.ne.jp" for number in range(30)]
    async with ground(tmp_path) as (service, peer):
        peer.script = {"rcpt": NOBODY}
        await asyncio.gather(*(mail(service, to) for to in customers))
        assert {(await state(service, to))["state"] for to in customers} <= {"unknown", "deliverable"}
        async with asyncio.timeout(10):
            while "address.flagging_frozen" not in service.printed:  # noqa: ASYNC110  another process
                await asyncio.sleep(0.1)
        assert "mailsvc_flagging_frozen{destination=" in (await service.client.get("/metrics")).text
        taken_back = [event for event in await service.events() if event["data"].get("because") == "site_at_fault"]
        assert len(taken_back) == 19
