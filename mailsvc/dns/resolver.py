"""DNS questions: cached, asked once however many wait, and answered from stale data while the resolver is down.

Answers are kept for their TTL within bounds, and for a day after that for when the resolver cannot be reached (RFC
8767): a broken resolver must not stop codes to domains that took them an hour ago. Nobody waits long for an answer that
is known. One that did not come a moment ago is asked for again after a rest, and waited for: no mail ends because of
what DNS did before. A question that was put is followed to its end, whoever still waits for it; its task is left to the
loop, which cancels it at the end of the process. Each one that is out has a socket, so their number is bounded.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.resolver

from mailsvc.dns.answer import Answer, DnsTrouble, NoSuchDomain, Question, Records
from mailsvc.dns.bounded import Bounded
from mailsvc.dns.troubles import Troubles

#: Bounds of the time an answer is kept (seconds); a "no" is kept for the lower one.
TTL_MIN = 30.0
TTL_MAX = 3600.0
#: How long an answer may be served while the resolver is down, counted from when it came (seconds), RFC 8767 5.
STALE = 24 * 3600.0
#: Stale data are served when the question has been out for so long (seconds). RFC 8767 5 recommends 1.8; a mail asks
#: two questions, one after the other.
PATIENCE = 1.0
#: Names kept at most.
SIZE = 50_000
#: Questions out at one time; the others wait.
QUESTIONS = 200
#: Seconds for one server's answer, and for all of them.
TIMEOUT = 2.0
LIFETIME = 5.0


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Answer
    fresh_until: float
    stale_until: float


@dataclass(frozen=True, slots=True)
class _Asked:
    task: asyncio.Task[Answer | DnsTrouble]  #: trouble is a result here: there may be nobody left to raise it to
    patience_until: float


class Resolver:
    """Asks the given servers (address and port), or the system's."""

    def __init__(
        self,
        servers: Sequence[tuple[str, int]] = (),
        *,
        questions: int = QUESTIONS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``questions`` is how many may be out at one time."""
        self._resolver = _system() if not servers else dns.asyncresolver.Resolver(configure=False)
        if servers:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in servers]
        self._resolver.timeout, self._resolver.lifetime = TIMEOUT, LIFETIME
        self._now = now
        self._out = asyncio.Semaphore(questions)
        self._kept: Bounded[Question, _Kept] = Bounded(SIZE)
        self._troubles = Troubles()
        self._asked: dict[Question, _Asked] = {}

    def knows(self, name: str, type_: str) -> bool:
        """Whether a question is answered at once, from what is kept."""
        kept = self._kept.get(_question(name, type_))
        return kept is not None and self._now() < kept.fresh_until

    async def ask(self, name: str, type_: str) -> Records:
        """Return the records of a name; raise `NoSuchDomain` or `DnsTrouble`."""
        question = _question(name, type_)
        kept, now = self._kept.get(question), self._now()
        if kept is not None and now < kept.fresh_until:
            answer: Answer | DnsTrouble = kept.answer
        else:
            stale = kept.answer if kept is not None and now < kept.stale_until else None
            answer = await self._renewed(question, stale, now)
        if isinstance(answer, Exception):
            raise type(answer)(*answer.args)
        return answer

    async def _renewed(self, question: Question, stale: Answer | None, now: float) -> Answer | DnsTrouble:
        """Return what is answered; stale data at once while the resolver is known to be down, else when it is slow."""
        if stale is not None and self._troubles.rest(question, now):
            return stale
        asked = self._put(question, now)
        if stale is None:
            return await asyncio.shield(asked.task)
        patience = 0.0 if self._troubles.lately(question, now) else max(0.0, asked.patience_until - now)
        await asyncio.wait([asked.task], timeout=patience)
        answer = asked.task.result() if asked.task.done() else stale
        return stale if isinstance(answer, DnsTrouble) else answer

    def _put(self, question: Question, now: float) -> _Asked:
        """Put a question, after its rest, or join those who wait for its answer already."""
        asked = self._asked.get(question)
        if asked is None:
            learning = self._learn(question, after=self._troubles.rest(question, now))
            asked = self._asked[question] = _Asked(asyncio.create_task(learning), now + PATIENCE)
            asked.task.add_done_callback(lambda _: self._asked.pop(question, None))
        return asked

    async def _learn(self, question: Question, after: float) -> Answer | DnsTrouble:
        """Ask after so many seconds, and remember what came of it."""
        await asyncio.sleep(after)
        async with self._out:
            answer = await self._query(question)
        now = self._now()
        if isinstance(answer, DnsTrouble):
            self._troubles.note(question, now)
        else:
            self._troubles.over(question)
            self._kept[question] = _kept(answer, now)
        return answer

    async def _query(self, question: Question) -> Answer | DnsTrouble:
        name, type_ = question
        try:
            answer = await self._resolver.resolve(
                dns.name.from_text(name), type_, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN:
            return NoSuchDomain(f"{name} does not exist")
        except dns.resolver.NoNameservers:
            return DnsTrouble(f"DNS cannot answer for {name} ({type_})")
        except (dns.exception.DNSException, OSError, UnicodeError, ValueError) as error:
            return DnsTrouble(f"no answer from DNS for {name} ({type_}): {type(error).__name__}")
        if answer.rrset is None:
            return Records((), TTL_MIN)
        return Records(tuple(record.to_text() for record in answer.rrset), float(answer.rrset.ttl))


def _system() -> dns.asyncresolver.Resolver:
    """Return the system's resolver; one that gives no answer where the system has none."""
    try:
        return dns.asyncresolver.Resolver()
    except dns.resolver.NoResolverConfiguration:
        return dns.asyncresolver.Resolver(configure=False)


def _question(name: str, type_: str) -> Question:
    return name.lower().rstrip("."), type_


def _kept(answer: Answer, now: float) -> _Kept:
    """Return what is kept of an answer. That a name does not exist is never served stale: it would end mails."""
    if isinstance(answer, NoSuchDomain):
        return _Kept(answer, now + TTL_MIN, now + TTL_MIN)
    return _Kept(answer, now + min(max(answer.ttl, TTL_MIN), TTL_MAX), now + STALE)


#: What `MailHosts` needs of a resolver.
Ask = Callable[[str, str], Awaitable[Records]]
