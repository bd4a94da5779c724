"""Route ``mx``: a broken offer of TLS is remembered where clear helped, and only there."""

import asyncio

import pytest

from mailsvc.delivery.handed import Round
from mailsvc.delivery.places import Places
from mailsvc.delivery.pool import Pool
from mailsvc.delivery.session import Kind
from mailsvc.delivery.sessions import Sessions
from mailsvc.delivery.tls import TlsPolicy
from tests.support.mx import hand_over, mx_route
from tests.support.smtp import Gatekeeper, certificate, endpoint, envelope
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import CLOSE, Act, Session, Then, by_connection, say

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


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("mail", "530 5.7.0 Must issue a STARTTLS command first"),
        ("rcpt", "530 Sorry"),
        ("rcpt", "550 5.7.10 Refused"),
        ("rcpt", "553 5.7.1 This recipient needs a secure connection"),
        ("rcpt", "451 5.7.3 STARTTLS is required to send mail"),
        ("data", "554 5.7.1 Encrypted sessions only"),
    ],
)
async def test_site_that_wants_tls_is_offered_it_again_after_one_broken_handshake(step: str, text: str) -> None:
    """A refusal for want of TLS after a broken offer is no verdict on the mail, and the next one comes under TLS."""

    def only_under_tls(session: Session) -> Act:
        return say(usual[step] if session.tls else text)

    usual = {"mail": "250 2.1.0 Ok", "rcpt": "250 2.1.5 Ok", "data": "354 Go ahead"}
    script = {"starttls": by_connection(CLOSE, say("220 2.0.0 Ready")), step: only_under_tls}
    async with SmtpPeer(tls=certificate(), script=script) as peer, mx_route({SITE: peer.ip}, peer.port) as route:
        first, second = [await hand_over(route, TO) for _ in range(2)]
    assert [handed.ended.kind for handed in first] == [Kind.FAILED, Kind.FAILED]
    assert first[-1].round_goes_on
    assert [(handed.ended.kind, handed.ended.tls is None) for handed in second] == [(Kind.ACCEPTED, False)]


async def test_site_that_takes_to_wanting_tls_is_offered_it_again() -> None:
    """The memory of a broken offer ends with a refusal for want of TLS."""
    script = {
        "starttls": by_connection(CLOSE, say("220 2.0.0 Ready")),
        "dot": say("250 2.0.0 Ok", then=Then.CLOSE),
        "rcpt": lambda session: say(
            "250 2.1.5 Ok" if session.tls or session.number == 2 else "550 5.7.10 Encryption needed"
        ),
    }
    async with SmtpPeer(tls=certificate(), script=script) as peer, mx_route({SITE: peer.ip}, peer.port) as route:
        made = [await hand_over(route, TO) for _ in range(3)]
    assert [[handed.ended.kind for handed in each] for each in made] == [
        [Kind.FAILED, Kind.ACCEPTED],
        [Kind.FAILED],
        [Kind.ACCEPTED],
    ]
    assert made[-1][-1].ended.tls is not None


async def test_verdict_on_the_recipient_in_clear_after_a_broken_offer_stands() -> None:
    """Where clear helped, what the site says of the recipient is final: it did not ask for TLS."""
    script = {"starttls": CLOSE, "rcpt": say("550 5.1.1 User unknown")}
    async with SmtpPeer(tls=certificate(), script=script) as peer, mx_route({SITE: peer.ip}, peer.port) as route:
        made = await hand_over(route, TO)
    assert [handed.ended.kind for handed in made] == [Kind.FAILED, Kind.REFUSED]


async def test_host_whose_name_is_too_long_for_tls_is_asked_in_clear() -> None:
    """DNS can name a host whose label has more than 63 characters once it is written out: no fault of ours."""
    async with SmtpPeer(tls=certificate()) as peer:
        to = endpoint(peer, host="\\255" * 60 + ".site.example", tls=TlsPolicy.OPPORTUNISTIC)
        by = asyncio.get_running_loop().time() + 30
        pool = Pool(Places(1))
        made = await Sessions().offer(pool, to, envelope(), Round(gate=Gatekeeper(), hand_over_by=by, answer_by=by))
        await pool.close()
    assert [handed.ended.kind for handed in made] == [Kind.FAILED, Kind.ACCEPTED]
    assert "name of the server" in made[0].ended.text
