"""Route ``mx``: straight to the mail exchangers of the recipient's domain (RFC 5321 5.1).

Decides the order of hosts and addresses, which of them may be connected to at all, and how many sessions a destination
gets. A host that gets nowhere is followed by the next one at once and asked last for a minute. Destinations that are
unknown, or whose last session led nowhere, share half of the process's sessions: the others always find one. Names are
resolved once per round, and the connection goes to the address that was checked.
"""

import asyncio
import ipaddress
import zlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Protocol

from mailsvc.delivery.destinations import Destination, Destinations, Profile
from mailsvc.delivery.envelope import Envelope
from mailsvc.delivery.handed import CLOSING, Handed, Round, failed
from mailsvc.delivery.places import Places
from mailsvc.delivery.pool import Pool
from mailsvc.delivery.session import Endpoint, Kind
from mailsvc.delivery.sessions import Sessions
from mailsvc.delivery.tls import TlsPolicy
from mailsvc.dns import DnsTrouble, MailHosts, NoSuchDomain, NullMx, is_public
from mailsvc.domain.outcome import Category, Permanence, Scope, Verdict
from mailsvc.domain.reply import Stage

#: Sessions of the process at one time.
SESSIONS = 1000
#: A host that got nowhere is asked last for so long (seconds).
SHAKY = 60.0
_SHAKY_MAX = 10_000
#: With less time than this until the mail must be handed over there is no further round (seconds).
_LAST_ROUND = 16.0
#: A destination that asked us to slow down is not waited for beyond what leaves so much for the session (seconds).
_SESSION_RESERVE = 15.0

_NO_DOMAIN = Verdict(Category.DOMAIN_UNKNOWN, Permanence.PERMANENT, Scope.RECIPIENT)
_DNS_TROUBLE = Verdict(Category.NETWORK_ERROR, Permanence.TRANSIENT, Scope.SESSION)


class KnownDomains(Protocol):
    """Remembers which domains took mail."""

    async def took_mail(self, domain: str) -> bool:
        """Whether a mail exchanger of the domain took a mail within the last 30 days."""

    async def note(self, domain: str) -> None:
        """Note that one took a mail now."""


@dataclass(frozen=True, slots=True)
class _Target:
    host: str
    ip: str
    source: str | None


class MxRoute:
    """Hands mails to the recipients' own sites."""

    relays = False

    def __init__(
        self,
        *,
        hosts: MailHosts,
        destinations: Destinations,
        known: KnownDomains,
        helo: str,
        port: int = 25,
        allow_private: bool = False,
        sources: Sequence[str] = (),
        sessions: int = SESSIONS,
    ) -> None:
        self._hosts = hosts
        self._destinations = destinations
        self._known = known
        self._helo = helo
        self._port = port
        self._allow_private = allow_private
        self._sources = sources
        self._places = Places(sessions)
        self._doubtful = Places(max(1, sessions // 2))
        self._pool = Pool(limit=sessions)
        self._sessions = Sessions(self._pool)
        self._shaky: OrderedDict[str, float] = OrderedDict()

    def predicted_wait(self) -> float:
        """Return the seconds that a mail taken now would wait for a session of this process."""
        return self._places.predicted_wait()

    async def close(self) -> None:
        """Say QUIT on idle connections."""
        await self._pool.close()

    async def hand_over(self, envelope: Envelope, turn: Round) -> list[Handed]:
        """Offer a mail to one host after another until one says something about it."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        domain = envelope.forward_path.rpartition("@")[2].lower()
        try:
            async with asyncio.timeout_at(turn.hand_over_by):
                targets = await self._targets(domain, turn.stay_with)
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

    async def _round(self, targets: Sequence[_Target], envelope: Envelope, turn: Round) -> list[Handed]:
        """Visit one target after another; return the end of each session."""
        made: list[Handed] = []
        waiting, put_off = deque(targets), set[_Target]()
        while waiting:
            target = waiting.popleft()
            elsewhere = bool(waiting) and target not in put_off
            sessions = await self._visit(target, envelope, turn, elsewhere=elsewhere)
            made += sessions
            if not sessions:
                waiting.append(target)
                put_off.add(target)
            elif _deferred_in_last_round(sessions[-1], turn):
                waiting = deque(other for other in waiting if other.host != target.host)
            elif not sessions[-1].round_goes_on:
                break
        return made

    async def _visit(self, target: _Target, envelope: Envelope, turn: Round, *, elsewhere: bool) -> list[Handed]:
        """Wait for a place at a destination and offer the mail there.

        Returns nothing where others found meanwhile that the host leads nowhere, and there is an ``elsewhere`` to go.
        """
        loop = asyncio.get_running_loop()
        destination = self._destinations.of(target.host)
        begun = loop.time()
        shaky = self._shaky_until(target)
        try:
            await self._hold_back(destination, turn)
            async with self._place(destination, turn.hand_over_by):
                if elsewhere and self._shaky_until(target) > max(shaky, loop.time()):
                    return []
                made = await self._sessions.offer(self._endpoint(target, destination.profile), envelope, turn)
        except TimeoutError:
            text = f"{destination.name} had no free session for as long as there was time"
            return [failed(Stage.CONNECT, text, begun=begun, host=target.host)]
        self._learn(destination, target, made[-1])
        return made

    @asynccontextmanager
    async def _place(self, destination: Destination, by: float) -> AsyncIterator[None]:
        """Hold a place at the destination and in the process."""
        async with destination.places.at(by):
            share = self._doubtful.at(by) if destination.doubtful else nullcontext()
            async with share, self._places.at(by):
                yield

    async def _hold_back(self, destination: Destination, turn: Round) -> None:
        """Wait as long as a destination asked us to, but never so long that the mail is lost by it."""
        spare = turn.hand_over_by - _SESSION_RESERVE - asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, min(destination.wait(), spare)))

    def _learn(self, destination: Destination, target: _Target, handed: Handed) -> None:
        if handed.ended.kind is Kind.STOPPED:
            return
        if handed.host_in_trouble:
            self._shaky[target.ip] = asyncio.get_running_loop().time() + SHAKY
            self._shaky.move_to_end(target.ip)
            while len(self._shaky) > _SHAKY_MAX:
                self._shaky.popitem(last=False)
        else:
            self._shaky.pop(target.ip, None)
        if handed.round_goes_on or handed.ended.kind is Kind.AMBIGUOUS:
            destination.led_nowhere()
        elif handed.ended.reply is not None and handed.ended.reply.code == CLOSING:
            destination.slow_down()
        else:
            destination.went_well()

    def _shaky_until(self, target: _Target) -> float:
        return self._shaky.get(target.ip, 0.0)

    async def _targets(self, domain: str, stay_with: str | None) -> list[_Target]:
        """Return the addresses to try: the one that knows us first, those that got nowhere a moment ago last."""
        hosts = [exchange.host for exchange in await self._hosts.exchanges(domain)]
        answers = await asyncio.gather(*(self._addresses(host) for host in hosts))
        found = [target for answer in answers if isinstance(answer, list) for target in answer]
        trouble = next((answer for answer in answers if isinstance(answer, DnsTrouble)), None)
        if trouble and not found:
            raise trouble
        now = asyncio.get_running_loop().time()
        return sorted(found, key=lambda target: (target.ip != stay_with, self._shaky_until(target) > now))

    async def _addresses(self, host: str) -> list[_Target] | DnsTrouble:
        """Return where to reach a host; DNS trouble with one of them is no trouble with the others."""
        try:
            addresses = await self._hosts.addresses(host)
        except DnsTrouble as error:
            return error
        return [target for ip in addresses if (target := self._target(host, ip))]

    def _target(self, host: str, ip: str) -> _Target | None:
        """Return where to connect to, None for an address that is not to be connected to."""
        if not (self._allow_private or is_public(ip)):
            return None
        if not self._sources:
            return _Target(host, ip, None)
        version = ipaddress.ip_address(ip).version
        usable = [source for source in self._sources if ipaddress.ip_address(source).version == version]
        # The same destination always sees the same source: greylists know us by it.
        return (
            _Target(host, ip, usable[zlib.crc32(self._destinations.of(host).name.encode()) % len(usable)])
            if usable
            else None
        )

    def _endpoint(self, target: _Target, profile: Profile) -> Endpoint:
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


def _deferred_in_last_round(handed: Handed, turn: Round) -> bool:
    """Whether there is no more waiting for a host that defers: then the others are asked too.

    Not before that, since at another host a greylist begins anew.
    """
    left = turn.hand_over_by - asyncio.get_running_loop().time()
    return left < _LAST_ROUND and handed.ended.kind is Kind.DEFERRED
