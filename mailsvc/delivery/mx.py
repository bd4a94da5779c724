"""Route ``mx``: straight to the mail exchangers of the recipient's domain (RFC 5321 5.1).

Decides which host is asked after which within a round, and what a destination is to be thought of after a session. A
host that gets nowhere is followed by the next one at once; one that defers the recipient is waited out, since a
greylist begins anew elsewhere, until it does so again for another reason. Never tries a mail again after a round.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Protocol

from mailsvc.delivery.back_off import wants_less
from mailsvc.delivery.destinations import Destinations, InForce, Profile
from mailsvc.delivery.entered import entered
from mailsvc.delivery.envelope import Envelope
from mailsvc.delivery.handed import Handed, Round, failed
from mailsvc.delivery.places import Place
from mailsvc.delivery.session import Endpoint, Kind
from mailsvc.delivery.sessions import Sessions
from mailsvc.delivery.shares import Shares
from mailsvc.delivery.targets import Target, Targets
from mailsvc.delivery.tls import TlsPolicy
from mailsvc.delivery.unanswered import once_late
from mailsvc.dns import DnsTrouble, MailHosts, NoSuchDomain, NullMx
from mailsvc.domain.classify import Classifier
from mailsvc.domain.outcome import Category, Permanence, Scope, Verdict
from mailsvc.domain.reply import Stage

#: Sessions of the process at one time.
SESSIONS = 1000
#: Room beside them for sessions that take long, most of them for the answer to a dot.
ROOM = 5000
#: With less time than this until the mail must be handed over there is no further round (seconds).
_LAST_ROUND = 16.0

_NO_DOMAIN = Verdict(Category.DOMAIN_UNKNOWN, Permanence.PERMANENT, Scope.RECIPIENT)
_DNS_TROUBLE = Verdict(Category.NETWORK_ERROR, Permanence.TRANSIENT, Scope.SESSION)
#: Replies whose meaning is kept.
_JUDGED = 64


class KnownDomains(Protocol):
    """Remembers which domains took mail."""

    async def took_mail(self, domain: str) -> bool:
        """Whether a mail exchanger of the domain took a mail within the last 30 days."""

    async def note(self, domain: str) -> None:
        """Note that one took a mail now."""


class MxRoute:
    """Hands mails to the recipients' own sites."""

    relays = False

    def __init__(
        self,
        *,
        hosts: MailHosts,
        destinations: Destinations,
        known: KnownDomains,
        classifier: Classifier,
        helo: str,
        port: int = 25,
        allow_private: bool = False,
        sources: Sequence[str] = (),
        sessions: int = SESSIONS,
        room: int = ROOM,
    ) -> None:
        """``classifier`` tells a refusal for our rate, and a greylist, from others.

        ``room`` is for how many sessions there is room beside ``sessions`` once they take long.
        """
        self._targets = Targets(hosts, destinations, allow_private=allow_private, sources=sources)
        self._destinations = destinations
        self._known = known
        self._helo = helo
        self._port = port
        self._shares = Shares(sessions, room=room)
        self._sessions = Sessions()
        self._judge = lru_cache(_JUDGED)(classifier.verdict)  # a site in trouble says the same again and again

    def predicted_wait(self) -> float:
        """Return the seconds that a mail taken now would wait for a session of this process."""
        return self._shares.predicted_wait()

    def in_force(self, destination: str) -> InForce | None:
        """Return how a destination is treated now; None where this process has not talked to it lately."""
        return self._destinations.in_force(destination)

    async def close(self) -> None:
        """Say QUIT on idle connections."""
        await self._destinations.close()

    async def hand_over(self, envelope: Envelope, turn: Round) -> list[Handed]:
        """Offer a mail to one host after another until one says something about it."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        domain = envelope.forward_path.rpartition("@")[2].lower()
        try:
            async with asyncio.timeout_at(turn.begin_by):
                targets = await self._targets.of(domain, turn.stay_with)
        except (NoSuchDomain, NullMx) as error:
            return [await self._no_domain(domain, str(error), begun)]
        except (DnsTrouble, TimeoutError) as error:
            return [failed(Stage.DNS, str(error) or "no answer from DNS in time", begun=begun, verdict=_DNS_TROUBLE)]
        dns = loop.time() - begun
        made = await self._round(targets, envelope, turn)
        if not made:
            text = f"no mail exchanger of {domain} has a public address"
            return [failed(Stage.DNS, text, begun=begun, verdict=_DNS_TROUBLE)]
        if made[-1].ended.kind is Kind.ACCEPTED:
            await self._known.note(domain)
        return [replace(made[0], dns=dns), *made[1:]]

    async def _round(self, targets: Sequence[Target], envelope: Envelope, turn: Round) -> list[Handed]:
        """Visit one target after another; return the end of each session."""
        loop = asyncio.get_running_loop()
        made: list[Handed] = []
        waiting, put_off = deque(targets), set[Target]()
        while waiting and len(made) < turn.hosts and not (made and loop.time() >= turn.begin_by):
            target = waiting.popleft()
            elsewhere = bool(waiting) and target not in put_off
            sessions = await self._visit(target, envelope, turn, elsewhere=elsewhere)
            made += sessions
            if not sessions:
                waiting.append(target)
                put_off.add(target)
            elif self._left_for_others(sessions[-1], turn):
                waiting = deque(other for other in waiting if other.host != target.host)
            elif not sessions[-1].round_goes_on:
                break
        return made

    async def _visit(self, target: Target, envelope: Envelope, turn: Round, *, elsewhere: bool) -> list[Handed]:
        """Wait for a place at a destination and offer the mail there.

        Returns nothing where others found meanwhile that the host leads nowhere, and there is an ``elsewhere`` to go.
        """
        loop = asyncio.get_running_loop()
        destination, shaky = target.destination, self._targets.shaky
        begun, known = loop.time(), shaky.until(target.ip)
        try:
            async with entered(destination.place(turn.hand_over_by, self._shares), turn.begin_by) as place:
                if elsewhere and shaky.until(target.ip) > max(known, loop.time()):
                    return []
                endpoint = self._endpoint(target, destination.profile)
                with once_late(turn.gate, partial(self._unanswered, target, place, turn.answer_by)) as gate:
                    made = await self._sessions.offer(destination.pool, endpoint, envelope, replace(turn, gate=gate))
                self._learn(target, made[-1])
        except TimeoutError:
            text = f"{destination.name} had no free session for as long as there was time"
            made = [failed(Stage.CONNECT, text, begun=begun, host=target.host)]
        return [replace(handed, destination=destination.name) for handed in made]

    def _unanswered(self, target: Target, place: Place, answer_by: float) -> None:
        """Let others go on while a host does not answer a dot: beside it at its site, and elsewhere where they can."""
        place.step_aside()
        self._targets.shaky.note(target.ip, until=answer_by)

    def _learn(self, target: Target, handed: Handed) -> None:
        """Note what a session says of host and destination; its place is still held, so nobody comes in between."""
        destination, kind = target.destination, handed.ended.kind
        if kind is Kind.STOPPED:
            return
        if handed.host_in_trouble:
            self._targets.shaky.note(target.ip)
        else:
            self._targets.shaky.forget(target.ip)
        if wants_less(handed, self._judge):
            destination.slow_down()
        elif handed.round_goes_on or kind is Kind.AMBIGUOUS:
            destination.led_nowhere()
        elif kind is Kind.ACCEPTED:
            destination.went_well()
        else:
            destination.answered()

    def _left_for_others(self, handed: Handed, turn: Round) -> bool:
        """Whether the other hosts are asked, in this round, after one that deferred the mail.

        They are when no further round follows; at once when no recipient had been named, which is the host's own
        trouble and no greylist; and when a host that had deferred the recipient does it again without a word of
        greylist or rate: it is asked on as well, so nothing begins anew.
        """
        ended = handed.ended
        if ended.kind is not Kind.DEFERRED or ended.reply is None:
            return False
        if turn.hand_over_by - asyncio.get_running_loop().time() < _LAST_ROUND:
            return True
        if wants_less(handed, self._judge):
            return False
        if ended.stage is Stage.MAIL:
            return True
        category = self._judge(ended.reply, ended.stage, handed.host).category
        return ended.stage is Stage.RCPT and handed.ip == turn.stay_with and category is Category.REMOTE_TEMPORARY

    def _endpoint(self, target: Target, profile: Profile) -> Endpoint:
        return Endpoint(
            host=target.host,
            ip=target.ip,
            port=self._port,
            helo=self._helo,
            tls=TlsPolicy.OPPORTUNISTIC,
            source=target.source,
            mails=profile.mails,
            idle=profile.idle,
        )

    async def _no_domain(self, domain: str, text: str, begun: float) -> Handed:
        """Return the end for a domain that is said not to exist; one that took mail lately has broken DNS."""
        verdict = _DNS_TROUBLE if await self._known.took_mail(domain) else _NO_DOMAIN
        return failed(Stage.DNS, text, begun=begun, verdict=verdict)
