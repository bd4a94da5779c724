"""Our client against servers that others wrote: Postfix and aiosmtpd."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from mailsvc.delivery.places import Places
from mailsvc.delivery.pool import Pool
from mailsvc.delivery.session import Ended, Endpoint, Kind, Timeouts
from mailsvc.delivery.smtp_client import Credentials
from mailsvc.delivery.tls import TlsPolicy
from mailsvc.domain.reply import Stage
from mailsvc.domain.secret import Secret
from tests.support import smtp
from tests.support.postfix import ABSENT, DOMAIN, SIZE_LIMIT, Postfix, postfix

TIMEOUTS = Timeouts()
TOO_LARGE = b"Subject: x\r\n\r\n" + b"x" * 76 * 2000 + b"\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Postfix]:
    """Run one Postfix for the tests here."""
    if ABSENT:
        pytest.skip(ABSENT)
    with postfix(smtp.authority()) as running:
        yield running


def _to_postfix(server: Postfix, tls: TlsPolicy = TlsPolicy.NONE) -> Endpoint:
    return Endpoint(
        host=f"mx.{DOMAIN}", ip="127.0.0.1", port=server.port, helo="mail.example.jp", tls=tls, trust=smtp.trust()
    )


async def _deliver(pool: Pool, to: Endpoint, **mail: Any) -> Ended:
    mail = {"forward_path": f"known@{DOMAIN}"} | mail
    limits = smtp.deadlines(TIMEOUTS)
    return await pool.deliver(to, smtp.envelope(**mail), gate=smtp.Gatekeeper(), deadlines=limits)


@pytest.mark.parametrize("tls", [TlsPolicy.NONE, TlsPolicy.OPPORTUNISTIC, TlsPolicy.REQUIRED])
async def test_postfix_takes_mails_over_one_connection(server: Postfix, tls: TlsPolicy) -> None:
    """Two mails reach the mailbox over one pipelined session, with their bytes as they were."""
    text = f"sent with tls={tls}\n.dot\n..two\n.\nend\n".encode()
    data = b"From: <no-reply@mail.example.jp>\r\n\r\n" + text.replace(b"\n", b"\r\n")
    pool, to = Pool(Places(5)), _to_postfix(server, tls)
    ended = [await _deliver(pool, to, data=data, envid="msg_1") for _ in range(2)]
    await pool.close()
    assert [(end.kind, end.reused) for end in ended] == [(Kind.ACCEPTED, False), (Kind.ACCEPTED, True)]
    assert (ended[0].tls is None) == (tls is TlsPolicy.NONE)
    assert ended[0].reply is not None
    assert ended[0].reply.enhanced == "2.0.0"
    arrived = await asyncio.to_thread(server.mails, 2, containing=text.splitlines()[0])
    assert [mail.partition(b"\n\n")[2] for mail in arrived] == [text] * 2


@pytest.mark.parametrize(
    ("mail", "kind", "stage", "status"),
    [
        ({"forward_path": f"nobody@{DOMAIN}"}, Kind.REFUSED, Stage.RCPT, "5.1.1"),
        ({"forward_path": f"greylisted@{DOMAIN}"}, Kind.DEFERRED, Stage.RCPT, "4.2.0"),
        ({"forward_path": "somebody@elsewhere.example"}, Kind.REFUSED, Stage.RCPT, "5.7.1"),
        ({"data": TOO_LARGE}, Kind.REFUSED, Stage.MAIL, "5.3.4"),
    ],
)
async def test_postfix_refusal_is_told_and_the_session_goes_on(
    server: Postfix, mail: dict[str, Any], kind: Kind, stage: Stage, status: str
) -> None:
    """A refused mail ends at its stage with Postfix's status, and the next goes over the same connection."""
    assert len(TOO_LARGE) > SIZE_LIMIT
    pool, to = Pool(Places(5)), _to_postfix(server)
    refused = await _deliver(pool, to, **mail)
    after = await _deliver(pool, to)
    await pool.close()
    assert (refused.kind, refused.stage) == (kind, stage)
    assert refused.reply is not None
    assert refused.reply.enhanced == status
    assert (after.kind, after.reused) == (Kind.ACCEPTED, True)


class _Keeper:
    """Keeps what aiosmtpd hands to its handler."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], bytes]] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        return "250 2.0.0 kept"


@pytest.mark.parametrize("login", [True, False])
async def test_aiosmtpd_takes_the_mail_after_starttls_and_login(login: bool) -> None:  # noqa: FBT001
    """A server without PIPELINING gets the same bytes, after STARTTLS and with or without AUTH."""
    keeper = _Keeper()

    def authenticate(*arguments: Any) -> AuthResult:
        return AuthResult(success=arguments[-1] == LoginPassword(b"relay", b"p4ss"))

    def serve() -> SMTP:
        return SMTP(keeper, tls_context=smtp.certificate(), authenticator=authenticate, auth_required=login)

    server = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", 0)
    async with server:
        to = Endpoint(
            host=smtp.HOST,
            ip="127.0.0.1",
            port=server.sockets[0].getsockname()[1],
            helo="mail.example.jp",
            tls=TlsPolicy.REQUIRED,
            trust=smtp.trust(),
            credentials=Credentials(Secret("relay"), Secret("p4ss")) if login else None,
        )
        ended = await smtp.attempt(to)
    assert (ended.kind, ended.tls) == (Kind.ACCEPTED, "TLSv1.3")
    assert keeper.mails == [("b+tag@mail.example.jp", ["taro@docomo.ne.jp"], smtp.DATA)]
