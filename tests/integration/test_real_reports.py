"""What Debian's Postfix and Dovecot say of mailboxes that are not there or full, and what becomes of the addresses.

mailsvc finds Postfix by DNS and mails it; Postfix refuses, or takes the mail and returns it to the receiver: because it
knows no such user, or because Dovecot behind it does not or has no space.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import pytest
import pytest_asyncio

from tests.support import smtp
from tests.support.dns_zone import DnsServer, Zone
from tests.support.dovecot import ABSENT as NO_DOVECOT
from tests.support.dovecot import Dovecot, dovecot
from tests.support.postfix import ABSENT as NO_POSTFIX
from tests.support.postfix import DOMAIN, Postfix, postfix
from tests.support.reports import SENDER_DOMAIN
from tests.support.service import Service, free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOCAL = "local.example"  # every recipient is taken; local(8) knows better
STRICT = "strict.example"  # Dovecot: a full mailbox is full
PATIENT = "patient.example"  # Dovecot: a full mailbox is full for now
FULL = "full"  # a user with 1 KiB of space
WITHIN = 20.0  # seconds

_MAIN = """
mydestination = {local}
relay_domains = {strict}, {patient}
relay_recipient_maps =
fast_flush_domains =
transport_maps = inline:{{
    {{ {bounces} = smtp:[127.0.0.1]:{receiver} }},
    {{ {strict} = lmtp:unix:{strict_lmtp} }},
    {{ {patient} = lmtp:unix:{patient_lmtp} }} }}
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
delay_warning_time = 1s
maximal_queue_lifetime = 4s
bounce_queue_lifetime = 4s
"""
_MASTER = """
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
local unix - n n - - local
"""


def _main(receiver: int, strict: Dovecot, patient: Dovecot) -> str:
    return _MAIN.format(
        local=LOCAL,
        strict=STRICT,
        patient=PATIENT,
        bounces=SENDER_DOMAIN,
        receiver=receiver,
        strict_lmtp=strict.lmtp,
        patient_lmtp=patient.lmtp,
    )


def _settings(mx: Postfix, dns: DnsServer, receiver: int) -> dict[str, str]:
    return {
        "ROUTE": "mx",
        "DNS": dns.address,
        "MX_PORT": str(mx.port),
        "ALLOW_PRIVATE_MX": "true",
        "RECEIVER": f"127.0.0.1:{receiver}",
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """Run a service, and Postfix with two Dovecots behind it."""
    if absent := NO_POSTFIX or NO_DOVECOT:
        pytest.skip(absent)
    zone: Zone = {name: {"MX": [f"10 mx.{DOMAIN}."]} for name in (DOMAIN, LOCAL, STRICT, PATIENT)}
    zone[f"mx.{DOMAIN}"] = {"A": ["127.0.0.1"]}
    receiver = free_port()
    with ExitStack() as stack:
        authority = smtp.authority()
        strict = stack.enter_context(dovecot(authority, {f"{FULL}@{STRICT}": 1}))
        patient = stack.enter_context(dovecot(authority, {f"{FULL}@{PATIENT}": 1}, tempfail=True))
        mx = stack.enter_context(postfix(authority, main=_main(receiver, strict, patient), master=_MASTER))
        folder = tmp_path_factory.mktemp("service")
        async with (
            DnsServer(zone=zone) as dns,
            Service(folder=folder, settings=_settings(mx, dns, receiver)) as running,
        ):
            yield running


async def mail(service: Service, to: str) -> dict[str, Any]:
    """Mail an address; return the message when it has ended."""
    return await service.outcome((await service.submit(to, challenge=to)).json()["id"])


async def told(service: Service, message: dict[str, Any], things: int = 1) -> list[dict[str, Any]]:
    """Return what came back about a message, once there are so many things."""
    feedback: list[dict[str, Any]] = []
    async with asyncio.timeout(WITHIN):
        while len(feedback) < things:
            feedback = (await service.client.get(f"/v1/messages/{message['id']}")).json()["feedback"]
            await asyncio.sleep(0.05)
    return feedback


async def state(service: Service, to: str) -> tuple[str, str | None]:
    """Return the state of an address, and its reason."""
    found = (await service.client.post("/v1/addresses/state", json={"address": to})).json()
    return found["state"], found["category"]


def in_short(one: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a thing that came back says."""
    return one["action"], one["category"], one["cause"], one["status"], one["hard"]


async def test_user_that_postfix_refuses_is_known_at_once(service: Service) -> None:
    """550 5.1.1 to RCPT ends the message, and its address is suspect."""
    message = await mail(service, f"nobody@{DOMAIN}")
    assert (message["state"], message["outcome"]["category"]) == ("failed", "user_unknown")
    assert message["feedback"] == []
    assert await state(service, f"nobody@{DOMAIN}") == ("suspect", "user_unknown")


@pytest.mark.parametrize(
    ("to", "reply"),
    [
        (f"no-such-user@{LOCAL}", 'unknown user: "no-such-user"'),
        (f"taro@{STRICT}", "550 5.1.1 <taro@strict.example> User doesn't exist: taro@strict.example"),
    ],
    ids=["postfix", "dovecot"],
)
async def test_user_that_turns_out_unknown_after_the_250_is_told_by_the_bounce(
    service: Service, to: str, reply: str
) -> None:
    """Postfix takes the mail and returns it: the message stays sent, and its feedback says that nobody is there."""
    message = await mail(service, to)
    assert message["state"] == "sent"
    (one,) = await told(service, message)
    assert in_short(one) == ("failed", "user_unknown", None, "5.1.1", True)
    assert (one["verified"], one["source"], one["reply"]) == (True, "smtp", reply)
    assert await state(service, to) == ("suspect", "user_unknown")


async def test_full_mailbox_is_told_by_the_bounce_and_with_the_next_code(service: Service) -> None:
    """552 5.2.2 from Dovecot behind Postfix; the next submit to the address says that its mailbox is full."""
    to = f"{FULL}@{STRICT}"
    message = await mail(service, to)
    (one,) = await told(service, message)
    assert in_short(one) == ("failed", "mailbox_full", None, "5.2.2", False)
    assert one["reply"] == f"552 5.2.2 <{to}> Quota exceeded (mailbox for user is full)"
    assert await state(service, to) == ("mailbox_full", "mailbox_full")
    assert (await service.submit(to, challenge="next")).json()["address"]["state"] == "mailbox_full"


async def test_mailbox_that_stays_full_is_told_twice(service: Service) -> None:
    """452 4.2.2: Postfix says that it goes on trying, and in the end that it gave up, both because of the quota."""
    to = f"{FULL}@{PATIENT}"
    message = await mail(service, to)
    delayed, failed = await told(service, message, 2)
    assert in_short(delayed) == ("delayed", "delayed", "mailbox_full", "4.2.2", False)
    assert in_short(failed) == ("failed", "mailbox_full", None, "4.2.2", False)
    assert await state(service, to) == ("mailbox_full", "mailbox_full")


async def test_every_report_was_read_and_found_its_message(service: Service) -> None:
    """Nothing that Postfix sent is in quarantine, or waits, or changed nothing."""
    reports = (await service.client.get("/v1/reports?limit=100")).json()["reports"]
    assert reports
    assert {(one["kind"], one["state"], one["problem"]) for one in reports} == {("bounce", "done", None)}
