"""What becomes of a message when its delivery fails at each stage in each way, through the real service.

One service and one site per case: everything is submitted at the start, each test waits for its own.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mailsvc.domain.instant import parse_rfc3339
from tests.support.dns_zone import DnsServer, Zone
from tests.support.service import Service, free_port
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import CLOSE, HANG, RESET, Act, Script, Then, in_turn, say

pytestmark = pytest.mark.asyncio(loop_scope="module")

STAGES = ("banner", "ehlo", "mail", "rcpt", "data", "dot")
WAYS: dict[str, Act] = {
    "deferred": say("451 4.3.0 not now"),
    "refused": say("554 5.3.0 not you"),
    "close": CLOSE,
    "reset": RESET,
    "hang": HANG,
}
#: Our words for what has no reply.
WORDS = {
    "close": "the server closed the connection",
    "reset": "the connection was lost: Connection reset by peer",
    "hang": "no answer within 10 s",
}
TAKEN = say("250 2.0.0 Ok")
KEPT = Act(then=Then.CLOSE, stores=True)
#: Lives (seconds): two or three tries; no try after the first.
SHORT, SHORTEST = 40, 30
#: An outcome is known so long after the deadline (seconds, CONTRACT 3.2).
LATEST = 15.0


@dataclass
class Sites:
    """A service that delivers by MX, and receiving sites."""

    folder: Path
    stack: AsyncExitStack
    zone: Zone = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    peers: dict[str, SmtpPeer] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)  #: messages by site

    async def start(self) -> None:
        """Start DNS and the service."""
        dns = await self.stack.enter_async_context(DnsServer(zone=self.zone))
        settings = {"ROUTE": "mx", "DNS": dns.address, "MX_PORT": str(self.port), "ALLOW_PRIVATE_MX": "true"}
        self.service = await self.stack.enter_async_context(Service(folder=self.folder, settings=settings))

    async def add(self, name: str, script: Script, **options: Any) -> SmtpPeer:
        """Open a site; its domain is its name under ``.jp``."""
        ip = f"127.0.1.{len(self.peers) + 1}"
        self.zone[f"{name}.jp"] = {"MX": [f"10 mx.{name}.jp."]}
        self.zone[f"mx.{name}.jp"] = {"A": [ip]}
        self.peers[name] = peer = SmtpPeer(ip=ip, port=self.port, script=script, **options)
        return await self.stack.enter_async_context(peer)

    async def submit(self, name: str, **fields: Any) -> dict[str, Any]:
        """Submit a code to a site."""
        response = await self.service.submit(f"taro@{name}.jp", **fields)
        assert response.status_code == 202, response.text
        answer: dict[str, Any] = response.json()
        self.ids.setdefault(name, answer["id"])
        return answer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sites(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sites]:
    """Every site that fails in one way at one stage, with a message on its way to it."""
    async with AsyncExitStack() as stack:
        sites = Sites(tmp_path_factory.mktemp("data"), stack)
        await sites.start()
        for stage in STAGES:
            for way, act in WAYS.items():
                # A reset takes back answers that were not read yet: where they came one by one there are none.
                options = {"capabilities": ()} if way == "reset" else {}
                await sites.add(f"{stage}-{way}", {stage: act}, **options)
        lives = {name: SHORTEST if name == "dot-hang" else SHORT for name in sites.peers}
        await asyncio.gather(*(sites.submit(name, expires_in=life) for name, life in lives.items()))
        yield sites


_BEFORE = {stage: before for before, stage in pairwise(("connect", *STAGES)) if stage != "dot"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stage", STAGES)
async def test_stage_failing_is_recorded_and_ends_as_the_contract_says(sites: Sites, stage: str, way: str) -> None:
    """Each attempt names stage, words, category, status and times; what follows obeys permanence and deadline."""
    name = f"{stage}-{way}"
    message = await sites.service.outcome(sites.ids[name])
    first = message["attempts"][0]
    # A reset takes back what was not read yet: then the stage before is the honest one.
    assert first["stage"] in {stage, _BEFORE.get(stage, stage) if way == "reset" else stage}
    assert (first["host"], first["ip"]) == (f"mx.{name}.jp", sites.peers[name].ip)
    words, category, status = _told(stage, way)
    assert words.endswith(first["reply"]) if first["stage"] == "connect" else first["reply"] == words
    assert (first["category"], first["status"]) == (category, status)
    assert first["ambiguous"] == (stage == "dot" and way in WORDS)
    assert _end(message) == _expected_end(stage, way)
    assert parse_rfc3339(message["outcome"]["at"]) <= parse_rfc3339(message["expires_at"]) + LATEST
    assert len(sites.peers[name].mails) == (len(message["attempts"]) if stage == "dot" else 0)
    assert not sites.peers[name].stored
    _check_times(message)


def _told(stage: str, way: str) -> tuple[str, str, str | None]:
    """Return reply, category and status of the first attempt."""
    if way == "deferred":
        return "451 4.3.0 not now", "remote_temporary", "4.3.0"
    if way == "refused":  # before MAIL a 5yz speaks of the host, not of the mail: another try may find it better
        return "554 5.3.0 not you", "remote_temporary" if stage in ("banner", "ehlo") else "remote_error", "5.3.0"
    return "no reply to the mail in time" if (stage, way) == ("dot", "hang") else WORDS[way], "network_error", None


def _end(message: dict[str, Any]) -> tuple[str, str | None, str | None]:
    outcome = message["outcome"]
    return message["state"], outcome["category"], outcome["cause"]


def _expected_end(stage: str, way: str) -> tuple[str, str | None, str | None]:
    """Return state, category and cause of the outcome."""
    if stage == "dot" and way in WORDS:
        return "unknown", None, None
    category = _told(stage, way)[1]
    return ("failed", category, None) if category == "remote_error" else ("expired", "expired", category)


def _check_times(message: dict[str, Any]) -> None:
    """See the attempts in their order, and the seconds of just those phases that were reached."""
    begun = [parse_rfc3339(attempt["at"]) for attempt in message["attempts"]]
    assert begun == sorted(begun)
    assert begun[0] >= parse_rfc3339(message["accepted_at"]) - 0.01
    for attempt in message["attempts"]:
        seconds = {name: value for name, value in attempt["seconds"].items() if value is not None}
        reached = attempt["stage"] in ("mail", "rcpt", "data", "dot")
        assert {"queue", "dns"} <= seconds.keys()
        assert ("transfer" in seconds) == reached
        assert all(value >= 0 for value in seconds.values())
        if attempt["reply"] == WORDS["hang"]:
            assert sum(seconds.values()) > 9


async def test_ambiguous_end_is_repeated_once_with_the_same_bytes(sites: Sites) -> None:
    """A mail lost at the dot goes again, octet by octet the same, and is sent; both copies count."""
    peer = await sites.add("lost-once", {"dot": in_turn(KEPT, TAKEN)})
    message = await sites.service.outcome((await sites.submit("lost-once"))["id"])
    assert message["state"] == "sent"
    assert [attempt["ambiguous"] for attempt in message["attempts"]] == [True, False]
    first, second = peer.stored
    assert (first.raw, first.rcpt_line, first.mail_line) == (second.raw, second.rcpt_line, second.mail_line)


async def test_ambiguous_end_twice_is_unknown(sites: Sites) -> None:
    """A mail lost at the dot a second time is not sent a third time."""
    peer = await sites.add("lost-always", {"dot": KEPT})
    message = await sites.service.outcome((await sites.submit("lost-always"))["id"])
    assert _end(message) == ("unknown", None, None)
    assert len(peer.stored) == len(message["attempts"]) == 2


@pytest.mark.parametrize("how", ["superseded", "cancelled"])
@pytest.mark.parametrize(
    ("name", "answer", "state"),
    [
        ("taken", say("250 2.0.0 Ok", after=1.5), "sent"),
        ("deferred", say("451 4.3.0 not now", after=1.5), None),
        ("refused", say("554 5.3.0 not you", after=1.5), None),
        ("lost", Act(after=1.5, then=Then.CLOSE), "unknown"),
    ],
)
async def test_revoked_at_the_dot_is_decided_by_what_comes_back(
    sites: Sites, how: str, name: str, answer: Act, state: str | None
) -> None:
    """A message whose mail is at the dot is only raced: a 250 makes it sent, a refusal lets the revocation stand."""
    site = f"{how}-{name}"
    peer = await sites.add(site, {"dot": in_turn(answer, TAKEN)})
    old = await sites.submit(site, challenge=site)
    await peer.until(lambda peer: peer.mails)
    if how == "superseded":
        new = await sites.submit(site, challenge=site, template="login_code_reissued", code="111222")
        assert (new["superseded"], new["raced"]) == ([], [old["id"]])
        assert (await sites.service.outcome(new["id"]))["state"] == "sent"
    else:
        view = (await sites.service.client.post(f"/v1/messages/{old['id']}/cancel")).json()
        assert view["state"] == "queued"
    message = await sites.service.outcome(old["id"])
    assert message["state"] == (state or how)
    assert len(message["attempts"]) == 1
