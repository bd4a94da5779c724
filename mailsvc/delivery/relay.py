"""Route ``smtp://``: one server takes all mail.

Its addresses are tried in turn when one does not get as far as the mail. Names are resolved once per round. A relay
that wants less of us is backed off like any destination; one that leads nowhere keeps its sessions, or mails that could
go by the second route would wait behind each other.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mailsvc.delivery.back_off import wants_less
from mailsvc.delivery.destinations import Destination, InForce, Profile
from mailsvc.delivery.entered import entered
from mailsvc.delivery.envelope import Envelope
from mailsvc.delivery.handed import Handed, Round, failed
from mailsvc.delivery.session import Endpoint, Kind
from mailsvc.delivery.sessions import Sessions
from mailsvc.delivery.shares import Shares
from mailsvc.delivery.smtp_client import Credentials
from mailsvc.delivery.tls import TlsPolicy
from mailsvc.domain.classify import Classifier
from mailsvc.domain.reply import Stage

#: Sessions with a relay at one time.
SESSIONS = 20
#: A relay that says "slow down" is waited for so long at most (seconds): there may be a second route.
BACK_OFF_MAX = 12.0


class RelayRoute:
    """Hands mails to one SMTP server, over pooled connections."""

    relays = True

    def __init__(
        self,
        host: str,
        port: int,
        *,
        helo: str,
        tls: TlsPolicy,
        classifier: Classifier,
        credentials: Credentials | None = None,
        trust: ssl.SSLContext | None = None,
        sources: Sequence[str] = (),
        sessions: int = SESSIONS,
    ) -> None:
        """``classifier`` tells a refusal for our rate from others."""
        self._endpoint = Endpoint(host=host, ip="", port=port, helo=helo, tls=tls, trust=trust, credentials=credentials)
        self._sources = sources
        profile = Profile("relay", (host,), connections=sessions, mails=self._endpoint.mails, idle=self._endpoint.idle)
        self._relay = Destination(host, profile, first=sessions, back_off_max=BACK_OFF_MAX)
        self._shares = Shares(sessions)
        self._sessions = Sessions()
        self._judge = classifier.verdict

    def predicted_wait(self) -> float:
        """Return the seconds that a mail taken now would wait for a session."""
        return self._relay.places.predicted_wait()

    def in_force(self, destination: str) -> InForce | None:
        """Return how the server is treated now; None for any other destination."""
        return self._relay.in_force if destination == self._relay.name else None

    async def close(self) -> None:
        """Say QUIT on idle connections."""
        await self._relay.pool.close()

    async def hand_over(self, envelope: Envelope, turn: Round) -> list[Handed]:
        """Offer the mail to the server, at its next address when one gets nowhere."""
        host = self._endpoint.host
        begun = asyncio.get_running_loop().time()
        try:
            async with entered(self._relay.place(turn.hand_over_by, self._shares), turn.begin_by):
                made = await self._round(envelope, turn)
                self._learn(made[-1])
                return made
        except TimeoutError:
            return [failed(Stage.CONNECT, f"{host} had no free session in time", begun=begun, host=host)]
        except OSError as error:
            text = f"cannot resolve {host}: {error.args[-1] if error.args else 'no answer'}"
            return [failed(Stage.DNS, text, begun=begun, host=host)]

    async def _round(self, envelope: Envelope, turn: Round) -> list[Handed]:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        addresses = await self._resolve(turn.begin_by)
        dns = loop.time() - begun
        made: list[Handed] = []
        for endpoint in self._endpoints(addresses):
            made += await self._sessions.offer(self._relay.pool, endpoint, envelope, turn)
            if not made[-1].round_goes_on or loop.time() >= turn.begin_by:
                break
        if not made:
            host = self._endpoint.host
            made = [failed(Stage.CONNECT, f"no source address can reach an address of {host}", begun=begun, host=host)]
        return [replace(made[0], dns=dns), *made[1:]]

    def _learn(self, handed: Handed) -> None:
        if wants_less(handed, self._judge):
            self._relay.slow_down()
        elif handed.ended.kind is Kind.ACCEPTED:
            self._relay.went_well()

    def _endpoints(self, addresses: Sequence[str]) -> Iterator[Endpoint]:
        """Return each address with the source for its family, and none that no source can reach."""
        for ip in addresses:
            source = next((source for source in self._sources if (":" in source) == (":" in ip)), None)
            if source or not self._sources:
                yield replace(self._endpoint, ip=ip, source=source)

    async def _resolve(self, by: float) -> list[str]:
        """Return the server's addresses, IPv4 first (DESIGN 4)."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(by):
            found = await loop.getaddrinfo(self._endpoint.host, self._endpoint.port, type=socket.SOCK_STREAM)
        found.sort(key=lambda info: info[0] != socket.AF_INET)
        return list(dict.fromkeys(str(info[4][0]) for info in found))
