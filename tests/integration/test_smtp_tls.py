"""TLS at our client: what each policy accepts, and what a peer cannot talk it into (RFC 3207, RFC 8314)."""

import datetime as dt
import ssl
from collections.abc import Callable

import pytest
import trustme

from mailsvc.delivery.session import Ended, Kind
from mailsvc.delivery.smtp_client import Credentials
from mailsvc.delivery.tls import TlsPolicy
from mailsvc.domain.reply import Stage
from mailsvc.domain.secret import Secret
from tests.support.smtp import attempt, certificate, endpoint, on_both_loops, trust
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import CLOSE, ENDLESS_LINE, GARBAGE, HANG, Act, Then, in_turn, say

CREDENTIALS = Credentials(Secret("relay"), Secret("p4ss"))
YESTERDAY = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
Contexts = Callable[[], ssl.SSLContext]
ENCRYPTED = ("TLSv1.2", "TLSv1.3")


async def _attempt(peer: SmtpPeer, policy: TlsPolicy, **changes: object) -> Ended:
    return await attempt(endpoint(peer, tls=policy, trust=trust(), **changes))


@pytest.mark.parametrize("policy", [TlsPolicy.OPPORTUNISTIC, TlsPolicy.REQUIRED, TlsPolicy.IMPLICIT])
@on_both_loops
async def test_good_certificate_is_used_under_every_policy(policy: TlsPolicy) -> None:
    """A server with a proper certificate gets the mail under TLS, and the time that took is told."""
    async with SmtpPeer(tls=certificate(), implicit=policy is TlsPolicy.IMPLICIT) as peer:
        ended = await _attempt(peer, policy)
    assert ended.kind is Kind.ACCEPTED
    assert ended.tls in ENCRYPTED
    assert dict(ended.seconds)["tls"] > 0
    assert [mail.tls for mail in peer.stored] == [True]


@pytest.mark.parametrize(
    "context",
    [
        pytest.param(lambda: certificate("other.example"), id="wrong name"),
        pytest.param(lambda: certificate(not_after=YESTERDAY), id="expired"),
        pytest.param(lambda: certificate(issuer=trustme.CA()), id="unknown authority"),
    ],
)
@pytest.mark.parametrize("policy", [TlsPolicy.REQUIRED, TlsPolicy.IMPLICIT])
@on_both_loops
async def test_certificate_that_proves_nothing_is_refused_where_one_is_verified(
    context: Contexts, policy: TlsPolicy
) -> None:
    """A verified policy hands nothing to a server that cannot prove its name, and says what was wrong."""
    async with SmtpPeer(tls=context(), implicit=policy is TlsPolicy.IMPLICIT) as peer:
        ended = await _attempt(peer, policy)
    assert (ended.kind, ended.stage, ended.clear_next) == (Kind.FAILED, Stage.STARTTLS, False)
    assert "certificate" in ended.text
    assert peer.mails == []


async def test_opportunistic_tls_takes_any_certificate() -> None:
    """Without a policy that says more, encryption to an unproven server beats none."""
    async with SmtpPeer(tls=certificate("other.example", issuer=trustme.CA())) as peer:
        ended = await _attempt(peer, TlsPolicy.OPPORTUNISTIC)
    assert ended.kind is Kind.ACCEPTED
    assert ended.tls in ENCRYPTED


async def test_opportunistic_tls_goes_on_in_clear_where_none_is_offered() -> None:
    """No offer, no TLS: the mail goes out in clear."""
    async with SmtpPeer() as peer:
        ended = await _attempt(peer, TlsPolicy.OPPORTUNISTIC)
    assert (ended.kind, ended.tls) == (Kind.ACCEPTED, None)


async def test_required_tls_refuses_a_server_without_the_offer() -> None:
    """A stripped STARTTLS ends the attempt, it does not weaken it."""
    async with SmtpPeer() as peer:
        ended = await _attempt(peer, TlsPolicy.REQUIRED)
    assert (ended.kind, ended.stage, ended.clear_next) == (Kind.FAILED, Stage.STARTTLS, False)
    assert peer.mails == []


def _only_old_tls() -> ssl.SSLContext:
    context = certificate()
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    return context


@pytest.mark.parametrize(
    ("act", "context"),
    [
        pytest.param(say("454 4.7.0 not now"), certificate, id="454"),
        pytest.param(say("502 5.5.1 unknown"), certificate, id="502"),
        pytest.param(say("421 4.3.2 Closing"), certificate, id="421"),
        pytest.param(say("421 4.3.2 Closing", then=Then.CLOSE), certificate, id="421 and close"),
        pytest.param(say("354 what"), certificate, id="a reply of another command"),
        pytest.param(say("what?"), certificate, id="no reply"),
        pytest.param(GARBAGE, certificate, id="garbage"),
        pytest.param(ENDLESS_LINE, certificate, id="endless line"),
        pytest.param(HANG, certificate, id="silence"),
        pytest.param(CLOSE, certificate, id="close"),
        pytest.param(say("220 ready"), None, id="no TLS behind it"),
        pytest.param(say("220 ready"), _only_old_tls, id="TLS 1.1"),
    ],
)
@on_both_loops
async def test_broken_offer_of_tls_allows_one_session_in_clear(act: Act, context: Contexts | None) -> None:
    """An opportunistic offer that fails ends the session and says that clear may be tried; required never says so."""
    capabilities = ("STARTTLS",) if context is None else ()
    tls = context() if context else None
    async with SmtpPeer(capabilities=capabilities, tls=tls, script={"starttls": act}) as peer:
        offered = await _attempt(peer, TlsPolicy.OPPORTUNISTIC)
        required = await _attempt(peer, TlsPolicy.REQUIRED)
        clear = await _attempt(peer, TlsPolicy.NONE)
    assert (offered.stage, offered.clear_next) == (Stage.STARTTLS, True)
    assert (required.stage, required.clear_next) == (Stage.STARTTLS, False)
    assert clear.kind is Kind.ACCEPTED


@pytest.mark.parametrize(
    ("act", "clear"),
    [
        pytest.param(say("what?"), True, id="no reply"),
        pytest.param(CLOSE, True, id="close"),
        pytest.param(say("421 4.3.2 Closing"), False, id="421"),
    ],
)
async def test_first_answer_under_tls_belongs_to_the_offer(act: Act, clear: bool) -> None:  # noqa: FBT001
    """Nonsense under TLS allows one session in clear; a server that closes for its load would do so there too."""
    ehlo = say("250-peer.example\n250 STARTTLS")
    async with SmtpPeer(tls=certificate(), script={"ehlo": in_turn(ehlo, act)}) as peer:
        ended = await _attempt(peer, TlsPolicy.OPPORTUNISTIC)
    assert (ended.tls in ENCRYPTED, ended.clear_next) == (True, clear)


@pytest.mark.parametrize(
    "injected",
    [b"250 2.1.0 injected\r\n", b"250-half", b"2", b"250-peer\r\n250 AUTH PLAIN\r\n", b"421 bye\r\n"],
)
@pytest.mark.parametrize("policy", [TlsPolicy.OPPORTUNISTIC, TlsPolicy.REQUIRED])
@on_both_loops
async def test_octets_behind_the_starttls_reply_refuse_the_session(injected: bytes, policy: TlsPolicy) -> None:
    """Octets sent in clear behind the 220 are an attack (CVE-2021-38371): no handshake, and no retry in clear."""
    script = {"starttls": Act(sends=b"220 2.0.0 Ready\r\n" + injected)}
    async with SmtpPeer(tls=certificate(), script=script) as peer:
        ended = await _attempt(peer, policy)
    assert (ended.kind, ended.stage, ended.clear_next) == (Kind.FAILED, Stage.STARTTLS, False)
    assert "answer" in ended.text
    assert peer.mails == []


async def test_capabilities_told_in_clear_are_forgotten_under_tls() -> None:
    """What was offered before the handshake is not used after it."""
    offers = iter(["PIPELINING\n250-DSN\n250 STARTTLS", "SIZE\n250 HELP"])
    async with SmtpPeer(
        tls=certificate(), script={"ehlo": lambda _: say(f"250-peer.example\n250-{next(offers)}")}
    ) as peer:
        ended = await _attempt(peer, TlsPolicy.REQUIRED)
    assert ended.kind is Kind.ACCEPTED
    assert not any(b"NOTIFY" in line or b"RET=" in line for line in peer.lines)


@pytest.mark.parametrize(("policy", "sent"), [(TlsPolicy.OPPORTUNISTIC, False), (TlsPolicy.NONE, True)])
async def test_credentials_go_out_in_clear_only_under_the_policy_none(policy: TlsPolicy, sent: bool) -> None:  # noqa: FBT001
    """A missing offer of TLS does not make us send a password in clear."""
    async with SmtpPeer(login=("relay", "p4ss")) as peer:
        ended = await _attempt(peer, policy, credentials=CREDENTIALS)
    assert any(line.startswith(b"AUTH") for line in peer.lines) == sent
    assert ended.stage is (Stage.DOT if sent else Stage.AUTH)


@on_both_loops
async def test_credentials_are_sent_under_tls() -> None:
    """Under TLS the login is made after the handshake."""
    async with SmtpPeer(tls=certificate(), login=("relay", "p4ss")) as peer:
        ended = await _attempt(peer, TlsPolicy.REQUIRED, credentials=CREDENTIALS)
    assert ended.kind is Kind.ACCEPTED
    verbs = [line.split()[0] for line in peer.lines]
    assert verbs.index(b"STARTTLS") < verbs.index(b"AUTH")
