"""Route `smtp://`: the local addresses that its connections come from."""

import asyncio
from collections.abc import Sequence

from mailsvc.delivery.handed import Handed, Round
from mailsvc.delivery.relay import RelayRoute
from mailsvc.delivery.session import Kind
from mailsvc.delivery.tls import TlsPolicy
from mailsvc.domain.reply import Stage
from mailsvc.feedback import rules
from tests.support.smtp import Gatekeeper, envelope
from tests.support.smtp_peer import SmtpPeer


async def _hand_over(peer: SmtpPeer, sources: Sequence[str]) -> list[Handed]:
    route = RelayRoute(
        peer.ip, peer.port, helo="mail.example.jp", tls=TlsPolicy.NONE, classifier=rules.load(), sources=sources
    )
    now = asyncio.get_running_loop().time()
    made = await route.hand_over(envelope(), Round(gate=Gatekeeper(), hand_over_by=now + 5, answer_by=now + 10))
    await route.close()
    return made


async def test_relay_sees_the_first_source_of_its_family() -> None:
    """Of several configured addresses the first one of the server's family is used."""
    async with SmtpPeer() as peer:
        (handed,) = await _hand_over(peer, ["::1", "127.0.0.78", "127.0.0.79"])
    assert handed.ended.kind is Kind.ACCEPTED
    assert peer.clients == ["127.0.0.78"]


async def test_relay_without_a_source_of_its_family_is_not_connected() -> None:
    """An address that no source can reach is skipped; where none is left the attempt says so."""
    async with SmtpPeer() as peer:
        (handed,) = await _hand_over(peer, ["::1"])
    assert (handed.ended.kind, handed.ended.stage) == (Kind.FAILED, Stage.CONNECT)
    assert handed.ended.text == "no source address can reach an address of 127.0.0.1"
    assert peer.clients == []
