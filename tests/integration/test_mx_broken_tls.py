"""Route ``mx``: a broken offer of TLS is remembered where clear helped, and only there."""

from mailsvc.delivery.session import Kind
from tests.support.mx import hand_over, mx_route
from tests.support.smtp import certificate
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import CLOSE, by_connection, say

SITE = "site.example"
TO = f"taro@{SITE}"


async def test_broken_offer_is_not_taken_up_by_the_next_mail() -> None:
    """The second mail goes in clear without a handshake that fails, over the first one's connection."""
    async with (
        SmtpPeer(tls=certificate(), script={"starttls": CLOSE}) as peer,
        mx_route({SITE: peer.ip}, peer.port) as route,
    ):
        first, second = [await hand_over(route, TO) for _ in range(2)]
    assert [handed.ended.kind for handed in first] == [Kind.FAILED, Kind.ACCEPTED]
    assert [(handed.ended.kind, handed.ended.reused) for handed in second] == [(Kind.ACCEPTED, True)]
    assert peer.lines.count(b"STARTTLS") == 1


async def test_offer_is_taken_up_again_where_clear_led_nowhere_too() -> None:
    """A server in trouble of another kind is no reason to do without its TLS later."""
    script = {
        "starttls": by_connection(say("454 4.7.0 not now"), say("220 2.0.0 Ready")),
        "mail": by_connection(CLOSE, CLOSE, say("250 2.1.0 Ok")),
    }
    async with SmtpPeer(tls=certificate(), script=script) as peer, mx_route({SITE: peer.ip}, peer.port) as route:
        first, second = [await hand_over(route, TO) for _ in range(2)]
    assert [handed.ended.kind for handed in first] == [Kind.DEFERRED, Kind.FAILED]
    assert [(handed.ended.kind, handed.ended.tls is None) for handed in second] == [(Kind.ACCEPTED, False)]
