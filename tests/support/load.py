"""Load for fault runs: clients that submit what a login page would, and a peer that treats recipients by their name.

``fast`` and ``slow`` are taken; ``grey`` is deferred once; ``refuse`` is refused; ``cut`` loses its first connection
after the dot, the mail not stored; ``kept`` likewise, the mail stored.
"""

import asyncio
import itertools
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.support.ledger import Ledger
from tests.support.service import Service
from tests.support.smtp_script import CLOSE, Act, Script, Session, Then, say

#: What the peer does to the recipients that may be asked for.
FAULTS = ("fast", "fast", "fast", "slow", "grey", "refuse", "cut", "kept")
HEALTHY = ("fast", "fast", "slow")
TAKEN = say("250 2.0.0 Ok: queued")


@dataclass(slots=True)
class Aim:
    """Tells when the peer has read a dot and not answered it yet."""

    after: int = 0  #: dots to let pass first
    hit: asyncio.Event | None = None  #: None: not aimed

    def at_dot(self, after: int) -> asyncio.Event:
        """Return what is set when so many dots and one more have come."""
        self.after, self.hit = after, asyncio.Event()
        return self.hit

    def strikes(self) -> bool:
        """Count a dot; whether it is the one."""
        self.after -= 1
        if self.hit is None or self.after >= 0:
            return False
        self.hit.set()
        self.hit = None
        return True


def script(aim: Aim, rng: random.Random) -> Script:
    """Return the peer's script."""
    seen: set[str] = set()

    def first(name: str) -> bool:
        return name not in seen and not seen.add(name)  # type: ignore[func-returns-value]

    def rcpt(session: Session) -> Act:
        name = _name(session)
        if name.startswith("refuse"):
            return say("550 5.1.1 no such user")
        return say("450 4.2.0 greylisted") if name.startswith("grey") and first(name) else say("250 2.1.5 Ok")

    def dot(session: Session) -> Act:
        name = _name(session)
        if aim.strikes():
            return say("250 2.0.0 Ok: queued", after=0.3)
        if name.startswith(("cut", "kept")) and first(name):
            return Act(then=Then.CLOSE, stores=True) if name.startswith("kept") else CLOSE
        return say("250 2.0.0 Ok: queued", after=rng.uniform(0.1, 0.5)) if name.startswith("slow") else TAKEN

    return {"rcpt": rcpt, "dot": dot}


def _name(session: Session) -> str:
    return session.rcpt_line.partition(b"<")[2].partition(b"@")[0].decode()


@dataclass(slots=True)
class Load:
    """Clients that submit until they are stopped."""

    service: Service
    ledger: Ledger
    rng: random.Random
    kinds: tuple[str, ...] = FAULTS
    refused: Counter[str] = field(default_factory=Counter)  #: answers that were no 202, in words
    unanswered: dict[str, dict[str, Any]] = field(default_factory=dict)  #: keyed submits nobody has seen a 202 of
    unwanted: set[str] = field(default_factory=set)  #: messages that were cancelled
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _stopped: bool = False

    async def run(self, clients: int = 8) -> None:
        """Submit until `stop`."""
        self._stopped = False
        await asyncio.gather(*(self._client() for _ in range(clients)))

    def stop(self) -> None:
        """Let every client end what it is at."""
        self._stopped = True

    async def repeat_unanswered(self) -> None:
        """Submit again, twice at once, what has a key and got no answer."""
        missing = list(self.unanswered.items())
        await asyncio.gather(*(self._submit(key=key, **body) for key, body in missing for _ in range(2)))

    async def _client(self) -> None:
        while not self._stopped:
            step = self.rng.choice((self._plain, self._plain, self._keyed, self._reissued, self._cancelled))
            if not await step():
                await asyncio.sleep(0.05)

    async def _plain(self) -> object:
        return await self._submit(**self._body())

    async def _keyed(self) -> object:
        """Submit the same twice at once under one key."""
        body = self._body()
        key = body["customer"]
        self.unanswered[key] = body
        return any(await asyncio.gather(*(self._submit(key=key, **body) for _ in range(2))))

    async def _reissued(self) -> object:
        body = self._body()
        if await self._submit(**body):
            await asyncio.sleep(self.rng.uniform(0, 0.3))
            return await self._submit(**body | {"template": "login_code_reissued", "code": "111222"})
        return None

    async def _cancelled(self) -> object:
        if answer := await self._submit(**self._body()):
            self.unwanted.add(answer["id"])
            try:
                await self.service.client.post(f"/v1/messages/{answer['id']}/cancel")
            except httpx2.HTTPError:
                return None
        return answer

    def _body(self) -> dict[str, Any]:
        number = next(self._numbers)
        to = f"{self.rng.choice(self.kinds)}.{number}@example.jp"
        return {"to": to, "challenge": f"login-{number}", "customer": f"k-{number}"}

    async def _submit(self, *, key: str | None = None, **body: Any) -> dict[str, Any] | None:
        keyed = {"idempotency_key": key} if key else {}
        try:
            response = await self.service.submit(**body, **keyed)
        except httpx2.HTTPError:
            return None
        if response.status_code != httpx2.codes.ACCEPTED:
            self.refused[response.text] += 1
            return None
        answer: dict[str, Any] = response.json()
        self.ledger.record(answer, key)
        if key:
            self.unanswered.pop(key, None)
        return answer
