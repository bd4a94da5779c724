"""What a scripted SMTP peer does at a step: acts, and rules that choose one."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto


class Then(Enum):
    """What follows what an act sends."""

    GO_ON = auto()
    HANG = auto()  #: say nothing more, keep the connection
    CLOSE = auto()  #: FIN
    RESET = auto()  #: RST
    DEAF = auto()  #: stop reading: the window closes


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What the peer does at a step."""

    sends: bytes = b""
    after: float = 0.0  #: seconds before the first octet
    drip: float = 0.0  #: seconds between octets; 0: all at once
    forever: bool = False  #: send it again and again
    pause: float = 0.0  #: seconds between one time and the next
    then: Then = Then.GO_ON
    stores: bool | None = None  #: at ``dot``: whether the mail is kept; None: where the answer begins with 2

    async def octets(self) -> AsyncIterator[bytes]:
        """Yield what is sent, each piece when it is time."""
        await asyncio.sleep(self.after)
        for _ in itertools.repeat(None) if self.forever else (None,):
            if not self.drip:
                yield self.sends
            for octet in self.sends if self.drip else b"":
                yield bytes((octet,))
                await asyncio.sleep(self.drip)
            if self.pause:
                await asyncio.sleep(self.pause)


def say(text: str, *, after: float = 0.0, then: Then = Then.GO_ON, stores: bool | None = None) -> Act:
    """Answer with lines of text; CR LF is added."""
    return Act(sends=text.replace("\n", "\r\n").encode() + b"\r\n", after=after, then=then, stores=stores)


def drip(text: str, every: float = 1.0) -> Act:
    """Answer one octet at a time."""
    return replace(say(text), drip=every)


HANG = Act(then=Then.HANG)
CLOSE = Act(then=Then.CLOSE)
RESET = Act(then=Then.RESET)
DEAF = Act(then=Then.DEAF)
ENDLESS_LINE = Act(sends=b"2" * 4096, forever=True)
ENDLESS_REPLY = Act(sends=b"250-and more\r\n" * 64, forever=True)
GARBAGE = Act(sends=bytes(range(256)) + b"\r\n")


@dataclass(slots=True)
class Session:
    """What a rule may look at."""

    number: int  #: of the connection, from 1
    tls: bool = False
    mail_line: bytes = b""
    rcpt_line: bytes = b""


Rule = Callable[[Session], Act]
Script = Mapping[str, Act | Rule]


def in_turn(*acts: Act) -> Rule:
    """Take the acts in order, then the last one again and again."""
    turns = itertools.chain(acts, itertools.repeat(acts[-1]))
    return lambda _: next(turns)


def by_connection(*acts: Act) -> Rule:
    """Take the first act on the first connection and so on, then the last one."""
    return lambda session: acts[min(session.number, len(acts)) - 1]


def at_first(act: Act, seconds: float, later: Act) -> Rule:
    """Take ``act`` until ``seconds`` after this recipient was first seen: greylisting."""
    seen: dict[bytes, float] = {}

    def choose(session: Session) -> Act:
        now = time.monotonic()
        return act if now - seen.setdefault(session.rcpt_line, now) < seconds else later

    return choose
