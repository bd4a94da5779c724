"""The client's side of a session: what it writes, which reply belongs to what, when it may go on."""

import itertools
from collections.abc import Iterator, Mapping

import pytest

from mailsvc.delivery.envelope import Envelope
from mailsvc.delivery.smtp_client import Answer, Credentials, ProtocolError, SmtpClient
from mailsvc.domain.reply import Stage
from mailsvc.domain.secret import Secret

MAIL = Envelope(
    reverse_path="b+tag@mail.example.jp", forward_path="taro@docomo.ne.jp", data=b"Subject: x\r\n\r\nhello\r\n"
)
CREDENTIALS = Credentials(Secret("relay"), Secret("p4ss word"))


def _greeted(*capabilities: str) -> SmtpClient:
    """Return a client behind a banner and an EHLO with these capabilities."""
    client = SmtpClient()
    client.receive(b"220 peer.example ESMTP\r\n")
    assert client.ehlo("mail.example.jp") == b"EHLO mail.example.jp\r\n"
    *more, last = "peer.example", *capabilities
    client.receive("".join(f"250-{word}\r\n" for word in more).encode() + f"250 {last}\r\n".encode())
    assert client.reusable
    return client


def _codes(answers: list[Answer]) -> list[tuple[Stage, int, bool]]:
    return [(answer.stage, answer.reply.code, answer.good) for answer in answers]


@pytest.mark.parametrize(
    ("words", "capabilities"),
    [
        ((), {}),
        (("PIPELINING",), {"PIPELINING": ""}),
        (("size 10240000", "Auth PLAIN LOGIN"), {"SIZE": "10240000", "AUTH": "PLAIN LOGIN"}),
        (("DELIVERBY 120", "X-UNKNOWN yes"), {"DELIVERBY": "120", "X-UNKNOWN": "yes"}),
    ],
)
def test_ehlo_keywords_are_read_without_regard_to_case(words: tuple[str, ...], capabilities: Mapping[str, str]) -> None:
    """The first line is a greeting, each further one a keyword with its parameters."""
    assert _greeted(*words).capabilities == capabilities


def test_pipelined_envelope_is_one_block() -> None:
    """Where PIPELINING is offered MAIL, RCPT and DATA leave together (RFC 2920)."""
    client = _greeted("PIPELINING")
    assert list(client.envelope(MAIL)) == [
        b"MAIL FROM:<b+tag@mail.example.jp>\r\nRCPT TO:<taro@docomo.ne.jp>\r\nDATA\r\n"
    ]


def test_envelope_without_pipelining_waits_for_each_answer() -> None:
    """One command at a time: the next is written after the good answer to the one before."""
    client = _greeted()
    blocks = client.envelope(MAIL)
    for line, answer in zip([b"MAIL", b"RCPT", b"DATA"], [b"250 Ok\r\n", b"250 Ok\r\n", b"354 Go\r\n"], strict=True):
        assert next(blocks).startswith(line)
        assert client.awaiting
        assert client.receive(answer)[0].good
    assert list(blocks) == []


#: Each answer of a pipelined group, and whether it is good.
CHOICES = {Stage.MAIL: ("250", "451", "550"), Stage.RCPT: ("250", "450", "550"), Stage.DATA: ("354", "451", "554")}


@pytest.mark.parametrize(("mail", "rcpt", "data"), list(itertools.product(*CHOICES.values())))
@pytest.mark.parametrize("together", [True, False], ids=["one segment", "three segments"])
def test_pipelined_answers_are_given_to_their_commands(mail: str, rcpt: str, data: str, together: bool) -> None:  # noqa: FBT001
    """Every combination is attributed in order; a session is reusable unless the server waits for a mail."""
    client = _greeted("PIPELINING")
    list(client.envelope(MAIL))
    segments = [f"{code} text\r\n".encode() for code in (mail, rcpt, data)]
    answers = list(itertools.chain(*map(client.receive, [b"".join(segments)] if together else segments)))
    assert _codes(answers) == [
        (Stage.MAIL, int(mail), mail == "250"),
        (Stage.RCPT, int(rcpt), rcpt == "250"),
        (Stage.DATA, int(data), data == "354"),
    ]
    assert client.fault is None
    assert client.reusable == (data != "354")


@pytest.mark.parametrize(("mail", "resets"), [("250", True), ("550", False)])
def test_reset_leads_the_next_envelope_only_where_a_transaction_is_open(mail: str, resets: bool) -> None:  # noqa: FBT001
    """RSET costs no round trip with PIPELINING, and is left out where MAIL itself was refused."""
    client = _greeted("PIPELINING")
    list(client.envelope(MAIL))
    client.receive(f"{mail} x\r\n550 x\r\n503 x\r\n".encode())
    (block,) = client.envelope(MAIL)
    assert block.startswith(b"RSET\r\n") == resets


@pytest.mark.parametrize("code", ["250", "451", "554"])
def test_any_answer_to_the_dot_ends_the_transaction(code: str) -> None:
    """After the dot the next envelope needs no RSET, whatever was said."""
    client = _greeted("PIPELINING")
    list(client.envelope(MAIL))
    client.receive(b"250 x\r\n250 x\r\n354 x\r\n")
    assert client.body(MAIL) == b"Subject: x\r\n\r\nhello\r\n.\r\n"
    assert _codes(client.receive(f"{code} x\r\n".encode())) == [(Stage.DOT, int(code), code == "250")]
    assert client.reusable
    assert b"RSET" not in b"".join(client.envelope(MAIL))


def test_service_closing_answers_everything_that_was_asked() -> None:
    """After a 421 nothing is awaited and nothing may follow (RFC 5321 3.8)."""
    client = _greeted("PIPELINING")
    list(client.envelope(MAIL))
    assert _codes(client.receive(b"421 4.3.2 bye\r\n")) == [(Stage.MAIL, 421, False)]
    assert (client.awaiting, client.reusable, client.stage) == (False, False, Stage.MAIL)
    assert client.receive(b"250 x\r\n") == []


@pytest.mark.parametrize("octets", [b"421 4.4.2 idle too long\r\n", b"250 Ok\r\n", b"2", b"\r\n"])
def test_octets_nobody_asked_for_end_the_session(octets: bytes) -> None:
    """A server that speaks out of turn is not trusted with a mail."""
    client = _greeted()
    assert client.receive(octets) == []
    assert client.fault is not None
    assert not client.reusable


def test_good_answer_before_a_broken_reply_is_kept() -> None:
    """A 250 to the dot counts although what follows it is broken."""
    client = _greeted("PIPELINING")
    list(client.envelope(MAIL))
    client.receive(b"250 x\r\n250 x\r\n354 x\r\n")
    client.body(MAIL)
    assert _codes(client.receive(b"250 Ok\r\ngarbage\r\n")) == [(Stage.DOT, 250, True)]
    assert not client.reusable


@pytest.mark.parametrize("behind", [b"250 injected\r\n", b"250-half", b"x"])
def test_octets_behind_the_answer_to_starttls_are_a_fault(behind: bytes) -> None:
    """What came in clear never becomes an answer under TLS (RFC 3207 5)."""
    client = _greeted("STARTTLS")
    assert client.starttls() == b"STARTTLS\r\n"
    assert _codes(client.receive(b"220 Ready\r\n" + behind)) == [(Stage.STARTTLS, 220, True)]
    assert client.fault is not None
    assert client.stage is Stage.STARTTLS


def test_secured_session_knows_nothing_from_before() -> None:
    """After the handshake the capabilities are asked for again (RFC 3207 4.2)."""
    client = _greeted("STARTTLS", "PIPELINING")
    client.starttls()
    client.receive(b"220 Ready\r\n")
    client.secured()
    assert client.capabilities == {}


def _conversation(blocks: Iterator[bytes], client: SmtpClient, answers: list[bytes]) -> list[bytes]:
    written = []
    for block, answer in zip(blocks, answers, strict=True):
        written.append(block)
        assert client.receive(answer)[0].good
    return written


def test_plain_is_preferred_and_sent_at_once() -> None:
    """AUTH PLAIN takes one round trip (RFC 4616)."""
    client = _greeted("AUTH LOGIN PLAIN")
    assert _conversation(client.auth(CREDENTIALS), client, [b"235 Ok\r\n"]) == [
        b"AUTH PLAIN AHJlbGF5AHA0c3Mgd29yZA==\r\n"
    ]


def test_login_is_spoken_where_plain_is_not_offered() -> None:
    """AUTH LOGIN asks for user, then password."""
    client = _greeted("AUTH LOGIN")
    answers = [b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n", b"235 Ok\r\n"]
    assert _conversation(client.auth(CREDENTIALS), client, answers) == [
        b"AUTH LOGIN\r\n",
        b"cmVsYXk=\r\n",
        b"cDRzcyB3b3Jk\r\n",
    ]


def test_auth_without_a_known_mechanism_says_so() -> None:
    """A missing mechanism is an error in words, not a login left out."""
    with pytest.raises(ProtocolError, match="neither AUTH PLAIN nor AUTH LOGIN"):
        next(_greeted("AUTH CRAM-MD5").auth(CREDENTIALS))


@pytest.mark.parametrize("echo", ["p4ss word", "AHJlbGF5AHA0c3Mgd29yZA==", "cDRzcyB3b3Jk"])
def test_credentials_echoed_by_the_server_are_masked(echo: str) -> None:
    """No form of the password comes back in a reply."""
    client = _greeted("AUTH PLAIN")
    list(client.auth(CREDENTIALS))
    (answer,) = client.receive(f"535-5.7.8 you said {echo}\r\n535 5.7.8 again {echo}\r\n".encode())
    assert answer.reply.lines == ("5.7.8 you said ***", "5.7.8 again ***")


@pytest.mark.parametrize("name", ["mail.example\r\nRSET", "mail\x00example", "メール.example"])
def test_line_that_would_be_two_is_never_written(name: str) -> None:
    """No argument can end its command."""
    with pytest.raises(ValueError, match="EHLO"):
        SmtpClient().ehlo(name)
