"""Opportunistic TLS of route ``mx`` through the whole service: a broken offer is followed once in clear, at once."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.dns_zone import DnsServer, Zone
from tests.support.service import Service, free_port
from tests.support.smtp import certificate
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import CLOSE, GARBAGE, Act, Then, by_connection, say


class Garbled(SmtpPeer):
    """Answers the first handshake with octets that are no TLS."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.clients:
            await super()._serve(reader, writer)
            return
        self.clients.append("garbled")
        for answer in (b"220 peer.example\r\n", b"250-peer.example\r\n250 STARTTLS\r\n", b"220 2.0.0 Ready\r\n"):
            writer.write(answer)
            await reader.read(2048)
        writer.write(b"no TLS at all\r\n" * 20)
        await reader.read()
        writer.close()


def _only(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = certificate()
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = version
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    return context


def _no_common_cipher() -> ssl.SSLContext:
    context = certificate()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("PSK")
    return context


def _offer(act: Act) -> Callable[[], SmtpPeer]:
    return lambda: SmtpPeer(tls=certificate(), script={"starttls": act})


#: Servers whose offer of TLS leads nowhere.
BROKEN: dict[str, Callable[[], SmtpPeer]] = {
    "421": _offer(say("421 4.3.2 Closing", then=Then.CLOSE)),
    "junk": _offer(GARBAGE),
    "454": _offer(say("454 4.7.0 TLS not available")),
    "502": _offer(say("502 5.5.1 unknown")),
    "close": _offer(CLOSE),
    "garbage": lambda: Garbled(capabilities=("STARTTLS",)),
    "cipher": lambda: SmtpPeer(tls=_no_common_cipher()),
    "tls-1-0": lambda: SmtpPeer(tls=_only(ssl.TLSVersion.TLSv1)),
}
#: Servers, or somebody before them, that send more than the answer to STARTTLS.
INJECTED: dict[str, Callable[[], SmtpPeer]] = {
    "reply": _offer(Act(sends=b"220 2.0.0 Ready\r\n250 2.1.0 injected\r\n")),
    "half": _offer(Act(sends=b"220 2.0.0 Ready\r\n250-in")),
}
FINE: dict[str, Callable[[], SmtpPeer]] = {"fine": lambda: SmtpPeer(tls=certificate("other.example"))}
#: In clear after TLS has failed, the recipient is refused: a word about the mail, which no third session follows.
REFUSED: dict[str, Callable[[], SmtpPeer]] = {
    "refused": lambda: SmtpPeer(
        tls=certificate(), script={"starttls": CLOSE, "rcpt": by_connection(CLOSE, say("550 5.1.1 unknown"))}
    )
}


@dataclass
class Sites:
    """A service, and one server for each domain."""

    service: Service
    peers: dict[str, SmtpPeer]

    async def submit(self, name: str) -> str:
        """Submit a code; return the message's id."""
        return str((await self.service.submit(f"taro@{name}.example")).json()["id"])


@pytest.fixture
async def sites(tmp_path: Path) -> AsyncIterator[Sites]:
    """Start a service and every server, each on an address of its own."""
    port = free_port()
    peers = {name: make() for name, make in (BROKEN | INJECTED | FINE | REFUSED).items()}
    zone: Zone = {}
    async with AsyncExitStack() as stack:
        for number, (name, peer) in enumerate(peers.items(), 1):
            peer.ip, peer.port = f"127.0.3.{number}", port
            zone |= {f"{name}.example": {"MX": [f"10 mx.{name}.example."]}, f"mx.{name}.example": {"A": [peer.ip]}}
            await stack.enter_async_context(peer)
        dns = await stack.enter_async_context(DnsServer(zone=zone))
        settings = {"ROUTE": "mx", "DNS": dns.address, "MX_PORT": str(port), "ALLOW_PRIVATE_MX": "true"}
        yield Sites(await stack.enter_async_context(Service(folder=tmp_path, settings=settings)), peers)


async def test_broken_offer_of_tls_is_followed_once_in_clear(sites: Sites) -> None:
    """Both sessions of the round are recorded, the one in clear begins when the other ends, and the mail arrives."""
    ids = {name: await sites.submit(name) for name in BROKEN}
    for name, message_id in ids.items():
        message = await sites.service.outcome(message_id)
        assert message["state"] == "sent", (name, message["attempts"])
        first, second = message["attempts"]
        assert (first["stage"], first["tls"], first["number"]) == ("starttls", None, 1), name
        assert first["category"] in ("network_error", "remote_temporary", "remote_error"), (name, first)
        assert (second["stage"], second["tls"], second["number"]) == ("dot", None, 2), name
        assert first["ip"] == second["ip"]
        assert (sites.peers[name].connections, len(sites.peers[name].stored)) == (2, 1)


async def test_server_with_tls_gets_the_mail_under_it(sites: Sites) -> None:
    """One attempt, whoever the certificate is for."""
    message = await sites.service.outcome(await sites.submit("fine"))
    assert [attempt["tls"] for attempt in message["attempts"]] == ["TLSv1.3"]
    assert [mail.tls for mail in sites.peers["fine"].stored] == [True]


async def test_word_about_the_mail_in_clear_ends_the_round(sites: Sites) -> None:
    """What the server says in clear counts as if it had never offered TLS."""
    message = await sites.service.outcome(await sites.submit("refused"))
    assert [attempt["stage"] for attempt in message["attempts"]] == ["starttls", "rcpt"]
    assert (message["state"], message["outcome"]["category"]) == ("failed", "user_unknown")


async def test_injection_behind_starttls_is_never_followed_in_clear(sites: Sites) -> None:
    """Octets behind the answer to STARTTLS end the session: no mail is offered there, under TLS or in clear."""
    ids = [await sites.submit(name) for name in INJECTED]
    for name in INJECTED:
        await sites.peers[name].until(lambda peer: peer.connections >= 2, within=20)  # the next try, seconds later
    for message_id in ids:
        message = (await sites.service.client.get(f"/v1/messages/{message_id}")).json()
        assert message["state"] == "queued"
        assert {attempt["stage"] for attempt in message["attempts"]} == {"starttls"}
        await sites.service.client.post(f"/v1/messages/{message_id}/cancel")
    for name in INJECTED:
        assert not any(line.startswith(b"MAIL") for line in sites.peers[name].lines)
