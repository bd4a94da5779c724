"""Each stage of the dialogue failing in each way."""

import itertools
from dataclasses import replace

import pytest

from mailsvc.delivery.session import Kind
from mailsvc.delivery.smtp_client import Credentials
from mailsvc.delivery.tls import TlsPolicy
from mailsvc.domain.reply import Stage
from mailsvc.domain.secret import Secret
from tests.support.smtp import (
    DATA,
    Gatekeeper,
    attempt,
    certificate,
    endpoint,
    on_both_loops,
    trust,
)
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import (
    CLOSE,
    DEAF,
    ENDLESS_LINE,
    ENDLESS_REPLY,
    GARBAGE,
    HANG,
    RESET,
    Act,
    Then,
    drip,
    say,
)

LOGIN = ("relay", "p4ss word")
CREDENTIALS = Credentials(Secret(LOGIN[0]), Secret(LOGIN[1]))
ONE_BY_ONE = ("SIZE", "8BITMIME")
BEFORE_DOT = [Stage.BANNER, Stage.EHLO, Stage.STARTTLS, Stage.AUTH, Stage.MAIL, Stage.RCPT, Stage.DATA]

#: What the peer does and how an attempt ends where the mail has not been written.
WAYS: dict[str, tuple[Act, Kind]] = {
    "4yz": (say("451 4.3.0 later"), Kind.DEFERRED),
    "5yz": (say("554 5.7.1 no"), Kind.REFUSED),
    "421": (say("421 4.3.2 closing", then=Then.CLOSE), Kind.DEFERRED),
    "421 and open": (say("421 4.3.2 closing"), Kind.DEFERRED),
    "lines that disagree": (say("250-yes\n550 no"), Kind.FAILED),
    "999": (say("999 what"), Kind.FAILED),
    "silence": (HANG, Kind.FAILED),
    "deaf": (DEAF, Kind.FAILED),
    "drip": (drip("250 2.0.0 Ok", 0.2), Kind.FAILED),
    "endless reply": (ENDLESS_REPLY, Kind.FAILED),
    "endless line": (ENDLESS_LINE, Kind.FAILED),
    "binary": (GARBAGE, Kind.FAILED),
    "close": (CLOSE, Kind.FAILED),
    "reset": (replace(RESET, after=0.1), Kind.FAILED),  # at once, it would take back the replies before it
    "half a reply": (Act(sends=b"250-half\r\n25", then=Then.CLOSE), Kind.FAILED),
}
#: The same at the dot: what is no valid reply leaves the end unknown.
AT_DOT = {
    way: (act, Kind.AMBIGUOUS if kind is Kind.FAILED else kind) for way, (act, kind) in WAYS.items() if way != "deaf"
}


def _peer(step: str, act: Act, *, pipelining: bool = True) -> SmtpPeer:
    capabilities = ("PIPELINING", *ONE_BY_ONE) if pipelining else ONE_BY_ONE
    tls = certificate() if step == Stage.STARTTLS else None
    return SmtpPeer(script={step: act}, capabilities=capabilities, tls=tls, login=LOGIN)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("stage", "pipelining"),
    [*itertools.product(BEFORE_DOT, [True]), *itertools.product([Stage.MAIL, Stage.RCPT, Stage.DATA], [False])],
)
@on_both_loops
async def test_peer_failing_before_the_dot_ends_the_attempt_there(stage: Stage, way: str, pipelining: bool) -> None:  # noqa: FBT001
    """Whatever a peer does at a stage before the dot, the attempt ends at that stage and no mail is written."""
    act, kind = WAYS[way]
    async with _peer(stage, act, pipelining=pipelining) as peer:
        tls = TlsPolicy.REQUIRED if stage is Stage.STARTTLS else TlsPolicy.NONE
        ended = await attempt(endpoint(peer, tls=tls, trust=trust(), credentials=CREDENTIALS))
    assert (ended.kind, ended.stage) == (kind, stage)
    assert (ended.reply is not None) == (kind is not Kind.FAILED)
    assert ended.handed_over_at is None
    assert peer.mails == []


@pytest.mark.parametrize("way", AT_DOT)
@on_both_loops
async def test_peer_failing_at_the_dot_ends_as_it_said_or_ambiguous(way: str) -> None:
    """At the dot a 4yz or 5yz is what it says, and everything that is no reply leaves the end unknown."""
    act, kind = AT_DOT[way]
    async with _peer(Stage.DOT, act) as peer:
        ended = await attempt(endpoint(peer))
    assert (ended.kind, ended.stage) == (kind, Stage.DOT)
    assert ended.handed_over_at is not None
    assert len(peer.mails) == 1


@pytest.mark.parametrize(
    ("stage", "code"),
    [*((stage, "354") for stage in (Stage.BANNER, Stage.EHLO, Stage.MAIL, Stage.RCPT)), (Stage.DATA, "250")],
)
async def test_positive_reply_of_the_wrong_kind_fails_the_session(stage: Stage, code: str) -> None:
    """A 354 where 2yz belongs, or a 250 to DATA, is a broken dialogue: nothing is handed over."""
    async with _peer(stage, say(f"{code} what")) as peer:
        ended = await attempt(endpoint(peer))
    assert (ended.kind, ended.stage, peer.mails) == (Kind.FAILED, stage, [])
    assert stage.upper() in ended.text


async def test_wrong_positive_reply_at_the_dot_is_ambiguous() -> None:
    """A 354 to the dot says nothing about the mail."""
    async with _peer(Stage.DOT, say("354 more")) as peer:
        ended = await attempt(endpoint(peer))
    assert ended.kind is Kind.AMBIGUOUS


@on_both_loops
async def test_reply_followed_by_loss_at_the_dot_still_counts() -> None:
    """A 250 to the dot is the end of the mail's story, whatever the connection does next."""
    async with _peer(Stage.DOT, say("250 2.0.0 Ok", then=Then.RESET)) as peer:
        ended = await attempt(endpoint(peer))
    assert ended.kind is Kind.ACCEPTED


async def test_silence_after_a_refused_recipient_reports_the_refusal() -> None:
    """When RCPT is refused and DATA never answered, the refusal is what happened."""
    script = {"rcpt": say("550 5.1.1 unknown"), "data": HANG}
    async with SmtpPeer(script=script) as peer:
        ended = await attempt(endpoint(peer))
    assert (ended.kind, ended.stage, ended.text) == (Kind.REFUSED, Stage.RCPT, "550 5.1.1 unknown")


async def test_peer_asking_for_the_mail_after_refusing_the_recipient_gets_nothing() -> None:
    """A 354 without a recipient is answered by cutting the connection: no octet of the mail, no lone dot."""
    async with SmtpPeer(script={"rcpt": say("550 5.1.1 unknown")}) as peer:
        ended = await attempt(endpoint(peer))
    assert (ended.kind, ended.stage) == (Kind.REFUSED, Stage.RCPT)
    assert (peer.mails, peer.lines[-1]) == ([], b"DATA")


async def test_ehlo_refused_falls_back_to_helo() -> None:
    """A server that knows no EHLO gets HELO and commands one by one."""

    def only_helo(_: object) -> Act:
        return say("250 peer.example") if peer.lines[-1].startswith(b"HELO") else say("502 5.5.1 what")

    async with SmtpPeer(script={"ehlo": only_helo}) as peer:
        ended = await attempt(endpoint(peer))
    assert ended.kind is Kind.ACCEPTED
    assert peer.lines[2] == b"MAIL FROM:<b+tag@mail.example.jp>"


@pytest.mark.parametrize("stage", [Stage.CONNECT, Stage.MAIL, Stage.DOT])
@on_both_loops
async def test_gate_saying_no_stops_before_anything_is_handed_over(stage: Stage) -> None:
    """A gate's no ends the attempt with its reason, and the peer sees no mail."""
    gate = Gatekeeper(no_at=stage)
    async with SmtpPeer() as peer:
        ended = await attempt(endpoint(peer), gate=gate)
    assert (ended.kind, ended.stage, ended.text) == (Kind.STOPPED, stage, "superseded")
    assert gate.asked[-1] is stage
    assert peer.mails == []
    assert peer.connections == (0 if stage is Stage.CONNECT else 1)


@on_both_loops
async def test_mail_arrives_exactly_as_it_was_given() -> None:
    """The peer gets the very bytes, dot-stuffed on the wire, and the forward-path as it stands."""
    async with SmtpPeer() as peer:
        ended = await attempt(endpoint(peer))
    assert ended.kind is Kind.ACCEPTED
    assert [seconds for seconds, _ in ended.seconds] == ["connect", "tls", "transfer"]
    (mail,) = peer.stored
    assert mail.data == DATA
    assert mail.rcpt_line == b"RCPT TO:<taro@docomo.ne.jp>\r\n"
    assert b"\r\n..one dot\r\n...two\r\n\r\n..\r\n" in mail.raw
    assert peer.lines[-1] == b"QUIT"


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_login_with_either_mechanism_is_accepted(mechanism: str) -> None:
    """AUTH PLAIN and AUTH LOGIN both prove user and password."""
    async with SmtpPeer(capabilities=(f"AUTH {mechanism}",)) as peer:
        peer.login = LOGIN
        peer.script = {"ehlo": say(f"250-peer.example\n250 AUTH {mechanism}")}
        ended = await attempt(endpoint(peer, credentials=CREDENTIALS))
    assert ended.kind is Kind.ACCEPTED
    assert any(line.startswith(f"AUTH {mechanism}".encode()) for line in peer.lines)


async def test_server_repeating_the_password_does_not_get_it_into_the_end() -> None:
    """What a server echoes of the credentials is masked."""
    async with SmtpPeer(login=LOGIN, script={"auth": say(f"535 5.7.8 not {LOGIN[1]}")}) as peer:
        ended = await attempt(endpoint(peer, credentials=CREDENTIALS))
    assert ended.text == "535 5.7.8 not ***"
    assert LOGIN[1] not in repr(ended)


async def test_server_without_a_known_mechanism_fails_at_auth() -> None:
    """Credentials are never dropped silently."""
    async with SmtpPeer() as peer:
        ended = await attempt(endpoint(peer, credentials=CREDENTIALS))
    assert (ended.kind, ended.stage, ended.text) == (
        Kind.FAILED,
        Stage.AUTH,
        "offers neither AUTH PLAIN nor AUTH LOGIN",
    )


async def test_nobody_listening_fails_at_connect() -> None:
    """A refused connection ends the attempt at once, in words."""
    async with SmtpPeer() as peer:
        pass
    ended = await attempt(endpoint(peer))
    assert (ended.kind, ended.stage) == (Kind.FAILED, Stage.CONNECT)
    assert "onnect" in ended.text
