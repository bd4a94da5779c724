"""Forged and replayed reports with genuine ones between them: only the genuine ones change anything."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailsvc.domain.identifier import new_id, new_tag
from tests.support.environment import FULL_RUN
from tests.support.receiver import calling
from tests.support.reports import SENDER_DOMAIN, dsn, return_path
from tests.support.service import Service, free_port
from tests.support.tags import tags_of

GENUINE = 2_000 if FULL_RUN else 60
FORGED = 100_000 if FULL_RUN else 1_200
VICTIMS = 50
SENDERS = 8
#: The share of genuine reports that must take effect.
SHARE = 0.99
MAIL = {"Content-Type": "message/rfc822"}

#: Status and words of genuine reports, and the state that they make.
SAID = (
    ("5.1.1", "550 5.1.1 User unknown in virtual mailbox table", "suspect"),
    ("5.2.2", "552 5.2.2 Mailbox full, quota exceeded", "mailbox_full"),
)


@dataclass(frozen=True, slots=True)
class Mailed:
    """An address that was mailed."""

    to: str
    message: str
    path: str

    def bounce(self, kind: int = 0, note: str = "") -> bytes:
        """Return what its site says of it."""
        status, diagnostic, _ = SAID[kind]
        return dsn(
            self.path, about=self.message, recipient=self.to, status=status, diagnostic=diagnostic, note=note or self.to
        )


class Forger:
    """Makes reports that are not to be believed; it knows one address of its own, and what anybody can read."""

    def __init__(self, victims: list[Mailed], bounced: list[Mailed], own: Mailed, rng: random.Random) -> None:
        """``bounced`` are addresses whose genuine reports it may have seen, to replay them."""
        self.victims, self.bounced, self.own, self.rng = victims, bounced, own, rng

    def make(self, number: int) -> tuple[str, bytes]:
        """Return the recipient of a report, and the report."""
        kinds = (
            *(self.unknown_tag, self.cut_tag, self.other_domain, self.to_the_sender, self.to_postmaster),
            *(self.of_another, self.message_of_another, self.replay, self.replay_rewritten, self.wrong_message),
            self.complaint,
        )
        return kinds[number % len(kinds)](self.rng.choice(self.victims), f"forged {number}")

    def unknown_tag(self, victim: Mailed, note: str) -> tuple[str, bytes]:
        """Come to a tag that was never issued."""
        path = return_path(new_tag())
        return path, dsn(path, about=victim.message, recipient=victim.to, note=note)

    def cut_tag(self, victim: Mailed, note: str) -> tuple[str, bytes]:
        """Come to a tag with a letter missing, or changed."""
        tag = victim.path.partition("+")[2].partition("@")[0]
        changed = self.rng.choice([tag[:-1], tag[1:], tag[:-1] + ("a" if tag[-1] != "a" else "b"), ""])
        return return_path(changed), dsn(return_path(changed), about=victim.message, recipient=victim.to, note=note)

    def other_domain(self, victim: Mailed, note: str) -> tuple[str, bytes]:
        """Come to the right tag under another domain."""
        path = victim.path.replace(SENDER_DOMAIN, "evil.test")
        return path, dsn(path, about=None, recipient=victim.to, note=note)

    def to_the_sender(self, victim: Mailed, note: str) -> tuple[str, bytes]:
        """Come to the address that every recipient reads, about a message that is made up."""
        to = f"no-reply@{SENDER_DOMAIN}"
        return to, dsn(to, about=new_id("msg", 1.8e9), recipient=victim.to, note=note)

    def to_postmaster(self, victim: Mailed, note: str) -> tuple[str, bytes]:
        """Know neither tag nor message."""
        return "postmaster", dsn(f"postmaster@{SENDER_DOMAIN}", about=None, recipient=victim.to, note=note)

    def of_another(self, victim: Mailed, note: str) -> tuple[str, bytes]:
        """Know tag and message of the forger, with a victim in Final-Recipient."""
        return self.own.path, dsn(self.own.path, about=self.own.message, recipient=victim.to, note=note)

    def message_of_another(self, victim: Mailed, note: str) -> tuple[str, bytes]:
        """Know the forger's tag, and a victim's message."""
        return self.own.path, dsn(self.own.path, about=victim.message, recipient=victim.to, note=note)

    def replay(self, _victim: Mailed, _note: str) -> tuple[str, bytes]:
        """Come once more, as it was."""
        seen = self.rng.choice(self.bounced)
        return seen.path, seen.bounce(self.bounced.index(seen) % 2)

    def replay_rewritten(self, _victim: Mailed, note: str) -> tuple[str, bytes]:
        """Come once more, made to look new."""
        seen = self.rng.choice(self.bounced)
        return seen.path.upper(), seen.bounce(self.bounced.index(seen) % 2, note)

    def wrong_message(self, victim: Mailed, note: str) -> tuple[str, bytes]:
        """Know the victim's tag, with a message that is made up."""
        return victim.path, dsn(victim.path, about=new_id("msg", 1.8e9), recipient=victim.to, note=note)

    def complaint(self, victim: Mailed, note: str) -> tuple[str, bytes]:
        """Complain of a mail that nobody sent."""
        to = f"abuse@{SENDER_DOMAIN}"
        raw = dsn(to, about=new_id("msg", 1.8e9), recipient=victim.to, note=note)
        arf = b"Feedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1\r\n\r\n"
        head, _, rest = raw.partition(b"message/delivery-status")
        return to, head.replace(
            b"delivery-status", b"feedback-report"
        ) + b"message/feedback-report\r\n\r\n" + arf + rest


@pytest.mark.fault
@pytest.mark.timeout(3000 if FULL_RUN else 120)
async def test_forged_reports_change_nothing_and_genuine_ones_count(tmp_path: Path) -> None:
    """However many forged and replayed reports come, no state changes by them, and the genuine ones take effect."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng, port = random.Random(seed), free_port()
    async with Service(folder=tmp_path, settings={"RECEIVER": f"127.0.0.1:{port}", "LOG": "warning"}) as service:
        mailed = await _mailed(service, GENUINE + VICTIMS + 1)
        genuine, victims, own = mailed[:GENUINE], mailed[GENUINE:-1], mailed[-1]
        first = genuine[: GENUINE // 2]
        await _send(service, port, [(one.path, one.bounce(at % 2)) for at, one in enumerate(first)])
        forger = Forger(victims, first, own, rng)
        mixed = [forger.make(number) for number in range(FORGED)]
        mixed += [(one.path, one.bounce(at % 2)) for at, one in enumerate(genuine) if at >= len(first)]
        rng.shuffle(mixed)
        taken = await _send(service, port, mixed)
        # Past the receiver's own look at the recipient, as a pipe hands it in.
        for number in range(min(FORGED, 2000)):
            recipient, raw = forger.make(FORGED + number)
            answer = await service.client.post(
                "/v1/reports", content=raw, headers=MAIL | {"Envelope-Recipient": recipient}
            )
            assert answer.status_code == 202
        await _all_read(service)
        await _judge(service, genuine, own)
    print(f"{taken} of {len(mixed)} taken by the receiver")


async def _judge(service: Service, genuine: list[Mailed], own: Mailed) -> None:
    """Assert that what is said of each address is what its own report said, once."""
    flagged: dict[str, str] = {}
    evidence: dict[str, int] = {}
    cursor: str | None = ""
    while cursor is not None:
        query = f"?limit=500&cursor={cursor}" if cursor else "?limit=500"
        page = (await service.client.get(f"/v1/addresses{query}")).json()
        flagged |= {one["address"]: one["state"] for one in page["addresses"]}
        evidence |= {one["address"]: len(one["evidence"]) for one in page["addresses"]}
        cursor = page["next"]
    flagged.pop(own.to, None)
    wanted = {one.to: SAID[at % 2][2] for at, one in enumerate(genuine)}
    assert not flagged.keys() - wanted.keys()
    right = [to for to, state in wanted.items() if flagged.get(to) == state]
    assert len(right) >= SHARE * len(genuine)
    assert {evidence[to] for to in right} == {1}
    changes = Counter(event["address"] for event in await service.events() if event["type"] == "address.changed")
    changes.pop(own.to, None)
    assert set(changes.values()) == {1}
    assert changes.keys() == flagged.keys()


async def _mailed(service: Service, number: int) -> list[Mailed]:
    messages: dict[str, str] = {}
    waiting = iter(range(number))

    async def submit() -> None:
        for one in waiting:
            to = f"t{one}@site{one % 97}.example.jp"
            messages[to] = (await service.submit(to, challenge=to)).json()["id"]
            await service.outcome(messages[to])

    await asyncio.gather(*(submit() for _ in range(16)))
    tags = tags_of(service.folder)
    return [Mailed(to, message, return_path(tags[to])) for to, message in messages.items()]


async def _send(service: Service, port: int, reports: list[tuple[str, bytes]]) -> int:
    """Send reports over several connections; return how many were taken."""
    waiting = iter(reports)
    taken = 0

    async def session() -> int:
        nonlocal taken
        handled = 0
        async with calling(port) as caller:
            for _, (recipient, raw) in zip(range(8), waiting, strict=False):
                handled += 1
                reply = await caller.mail(raw, recipient)
                assert reply.startswith(("250", "550 5.1.1")), reply
                taken += reply.startswith("250")
                await caller.say("RSET")
        return handled

    async def sender() -> None:
        while await session():
            pass

    await asyncio.gather(*(sender() for _ in range(SENDERS)))
    await _all_read(service)
    return taken


async def _all_read(service: Service) -> None:
    async with asyncio.timeout(600):
        while (await service.client.get("/v1/reports?state=pending&limit=1")).json()["reports"]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
