"""The receiver of the running service, over real sockets: who is let in, what is offered, what is refused."""

import asyncio
import shutil
import smtplib
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
import trustme

from tests.support.receiver import calling
from tests.support.reports import SENDER_DOMAIN, dsn, return_path
from tests.support.service import Service, free_port
from tests.support.tags import tag_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = "mx.receiver.test"
SIZE = 256 * 1024
MAIL = b"Subject: hello\r\n\r\nHello.\r\n"


@dataclass(slots=True)
class Receiving:
    """A service that takes reports."""

    service: Service
    port: int
    path: str  #: envelope sender of an address that was mailed
    message: str
    ca: trustme.CA

    async def kept(self) -> list[dict[str, object]]:
        """Return the reports that are there, newest first."""
        found = (await self.service.client.get("/v1/reports?limit=500")).json()["reports"]
        return list(found)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiving(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Receiving]:
    """Run a service with a receiver that offers TLS."""
    folder = tmp_path_factory.mktemp("receiving")
    ca, port = trustme.CA(), free_port()
    issued = ca.issue_cert(NAME)
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    settings = {
        "RECEIVER": f"127.0.0.1:{port}",
        "RECEIVER_TLS": f"{folder}/cert.pem,{folder}/key.pem",
        "REPORT_MAILBOXES": "returned@example.jp",
        "HELO": NAME,
    }
    async with Service(folder=folder, settings=settings) as service:
        message = (await service.submit("taro@example.jp")).json()["id"]
        await service.outcome(message)
        yield Receiving(service, port, return_path(tag_of(folder, "taro@example.jp")), message, ca)


async def feedback_of(receiving: Receiving) -> list[dict[str, object]]:
    async with asyncio.timeout(30):
        while True:
            message = (await receiving.service.client.get(f"/v1/messages/{receiving.message}")).json()
            if message["feedback"]:
                return list(message["feedback"])
            await asyncio.sleep(0.05)


async def test_report_is_kept_when_it_is_answered(receiving: Receiving) -> None:
    """A mail client sends a bounce to the return path; it is there after the 250, and soon its message tells it."""
    raw = dsn(receiving.path, about=receiving.message, note="by smtplib")
    before = await receiving.kept()

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", receiving.port, timeout=10) as client:
            assert client.sendmail("", [receiving.path.upper()], raw) == {}

    await asyncio.to_thread(send)
    (report,) = (await receiving.kept())[: len(await receiving.kept()) - len(before)]
    assert (report["source"], report["recipient"]) == ("smtp", f"B***@{SENDER_DOMAIN.upper()}")
    told = await feedback_of(receiving)
    assert (told[0]["category"], told[0]["verified"], told[0]["source"]) == ("user_unknown", True, "smtp")


@pytest.mark.parametrize(
    "recipient",
    [
        *("postmaster", "PostMaster", f"postmaster@{SENDER_DOMAIN}", f"ABUSE@{SENDER_DOMAIN}"),
        *(f"no-reply@{SENDER_DOMAIN}", "returned@example.jp", "Returned@EXAMPLE.jp"),
    ],
)
async def test_mailbox_for_people_is_taken(receiving: Receiving, recipient: str) -> None:
    """Postmaster, abuse, the sender and the operator's own mailboxes take mail, in any case."""
    async with calling(receiving.port) as caller:
        assert (await caller.mail(MAIL + recipient.encode() + b"\r\n", recipient)).startswith("250 ")


@pytest.mark.parametrize(
    "recipient",
    [
        *("taro@example.jp", "root", "abuse", f"taro@{SENDER_DOMAIN}", f"b+{'a' * 24}@{SENDER_DOMAIN}"),
        *(f"b+@{SENDER_DOMAIN}", f"b+{'a' * 23}@{SENDER_DOMAIN}", f"b+{'a' * 400}@{SENDER_DOMAIN}"),
        *("{path}.evil.test", "x{path}", "{tag}@elsewhere.example", '"b+{tag}x"@mail.example.jp'),
    ],
)
async def test_other_recipient_is_refused_alike(receiving: Receiving, recipient: str) -> None:
    """Whatever is no address of ours gets one answer, which tells nothing."""
    tag = receiving.path.partition("@")[0]
    async with calling(receiving.port) as caller:
        reply = await caller.say("MAIL FROM:<>", f"RCPT TO:<{recipient.format(path=receiving.path, tag=tag)}>")
        assert reply == "550 5.1.1 There is no such mailbox here"
        assert (await caller.say("DATA")).startswith("503")


async def test_what_is_offered_is_of_use_for_reports(receiving: Receiving) -> None:
    """SIZE, 8BITMIME and STARTTLS are offered, under the configured name; nothing that is for people or relays."""
    async with calling(receiving.port, greet=False) as caller:
        assert await caller.hear() == f"220 {NAME} ESMTP mailsvc"
        assert await caller.say("EHLO x") == f"250-{NAME}\n250-SIZE {SIZE}\n250-8BITMIME\n250 STARTTLS"
        for command in ("VRFY taro", "VRFY postmaster", "EXPN staff", "AUTH PLAIN AHgAeA==", "HELP", "TURN", "BDAT 3"):
            reply = await caller.say(command)
            assert "taro" not in reply
            assert "aiosmtpd" not in reply
            assert reply[:3] in {"252", "502", "214", "500"}
        assert (await caller.say("HELO x")).startswith("250")
        assert (await caller.mail(MAIL + b"helo\r\n", "postmaster")).startswith("250")


async def test_mail_goes_through_tls(receiving: Receiving) -> None:
    """STARTTLS gives a verified connection that offers neither TLS again nor AUTH, and takes mail."""
    context = ssl.create_default_context()
    receiving.ca.configure_trust(context)
    async with calling(receiving.port) as caller:
        await caller.start_tls(context, NAME)
        assert (await caller.say("MAIL FROM:<>")).startswith("503")  # what was said in clear is forgotten
        assert await caller.say("EHLO x") == f"250-{NAME}\n250-SIZE {SIZE}\n250 8BITMIME"
        assert (await caller.mail(MAIL + b"tls\r\n", receiving.path)).startswith("250")
        assert (await caller.say("QUIT")).startswith("221")


@pytest.mark.parametrize("behind", ["NOOP\r\n", "MAIL FROM:<x@evil.test>\r\nRCPT TO:<postmaster>\r\n", "\0", "x"])
async def test_words_behind_starttls_end_the_session(receiving: Receiving, behind: str) -> None:
    """What somebody injected in clear is neither obeyed after TLS nor answered there (CVE-2011-0411)."""
    async with calling(receiving.port) as caller:
        reply = await caller.say(b"STARTTLS\r\n" + behind.encode())
        assert reply[:3] in {"554", "550"}
        assert await caller.hear() == ""


async def test_broken_handshake_ends_the_session(receiving: Receiving) -> None:
    """Who cannot do TLS is left, and others are served."""
    async with calling(receiving.port) as caller:
        assert (await caller.say("STARTTLS")).startswith("220")
        caller.writer.write(b"EHLO this is no handshake\r\n")
        async with asyncio.timeout(10):
            await caller.reader.read()
    async with calling(receiving.port) as caller:
        assert (await caller.mail(MAIL + b"after\r\n", "postmaster")).startswith("250")


#: Ways to end a mail that some server somewhere takes for an end (SMTP smuggling).
ENDINGS = (
    *(b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n"),
    *(
        b"\r\n.\r\r\n",
        b"\r\r\n.\r\r\n",
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
        b"\0\r\n.\r\n.\r\n",
        b"\n\n.\r\n",
        b"\r\n.\n\r\n",
    ),
    b"\r\0\n.\r\n",
)


@pytest.mark.parametrize("cut", ["whole", "octets", "at the ending"])
@pytest.mark.parametrize("ending", ENDINGS, ids=repr)
async def test_bare_line_ends_are_refused(receiving: Receiving, ending: bytes, cut: str) -> None:
    """A mail with a bare CR, LF or NUL is not taken, nor what follows it, however it is cut into segments."""
    smuggled = b"MAIL FROM:<a@evil.test>\r\nRCPT TO:<postmaster>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"
    sent = b"Subject: first\r\n\r\nHello" + ending + smuggled
    before = len(await receiving.kept())
    async with calling(receiving.port) as caller:
        assert (await caller.say("MAIL FROM:<>", "RCPT TO:<postmaster>", "DATA")).startswith("354")
        pieces = {
            "whole": [sent],
            "octets": [sent[at : at + 1] for at in range(len(sent))],
            "at the ending": [sent[: sent.index(ending) + 1], sent[sent.index(ending) + 1 :]],
        }[cut]
        for piece in pieces:
            caller.writer.write(piece)
            await caller.writer.drain()
            if cut == "octets":
                await asyncio.sleep(0)
        assert (await caller.hear()).startswith("550 5.6.0")
        assert await caller.hear() == ""
    assert len(await receiving.kept()) == before


@pytest.mark.parametrize(
    "command", [b"NOOP\n", b"NOOP\r", b"RSET\r\r\n", b"MAIL FROM:<>\nRCPT TO:<postmaster>\r\n", b"\0\r\n"]
)
async def test_bare_line_ends_are_refused_in_commands(receiving: Receiving, command: bytes) -> None:
    """A command ends with CRLF and nothing else."""
    async with calling(receiving.port) as caller:
        assert (await caller.say(command + b"NOOP\r\n")).startswith("550 5.6.0")
        assert await caller.hear() == ""


async def test_dots_of_a_mail_are_kept(receiving: Receiving) -> None:
    """A mail with lines that begin with dots is taken as one, and the next one too."""
    before = len(await receiving.kept())
    async with calling(receiving.port) as caller:
        for number in range(2):
            raw = b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n%d\r\n" % number
            assert (await caller.mail(raw, "postmaster")).startswith("250")
    assert len(await receiving.kept()) == before + 2


async def test_size_is_limited(receiving: Receiving) -> None:
    """A mail up to the limit is taken; one beyond it is refused when it is announced, and when it is not."""
    line = b"x" * 998 + b"\r\n"
    head = b"Subject: size\r\n\r\n"
    fits = head + line * ((SIZE - len(head)) // len(line))
    async with calling(receiving.port) as caller:
        assert (await caller.say(f"MAIL FROM:<> SIZE={SIZE + 1}")).startswith("552")
        assert (await caller.mail(fits, "postmaster")).startswith("250")
        assert (await caller.mail(fits + line, "postmaster")).startswith("552")
        assert (await caller.mail(MAIL + b"after\r\n", "postmaster")).startswith("250")


async def test_long_lines_of_a_mail_are_taken_up_to_a_limit(receiving: Receiving) -> None:
    """Returned pages of HTML have long lines; endless ones are refused, and so are long commands."""
    async with calling(receiving.port) as caller:
        assert (await caller.mail(b"Subject: long\r\n\r\n" + b"x" * 20_000 + b"\r\n", "postmaster")).startswith("250")
        assert (await caller.mail(b"Subject: long\r\n\r\n" + b"x" * 100_000 + b"\r\n", "postmaster")).startswith("500")
        assert (await caller.say("MAIL FROM:<" + "x" * 2000 + "@example.jp>")).startswith("500")
        assert (await caller.say("NOOP " + "x" * 100_000)).startswith("500")
        assert (await caller.mail(MAIL + b"still\r\n", "postmaster")).startswith("250")


async def test_eight_bit_mail_is_taken(receiving: Receiving) -> None:
    """BODY=8BITMIME is understood, parameters that were not offered are not."""
    async with calling(receiving.port) as caller:
        assert (await caller.say("MAIL FROM:<> BODY=8BITMIME SIZE=100")).startswith("250")
        assert (await caller.say("RCPT TO:<postmaster>", "DATA")).startswith("354")
        assert (await caller.say("件名: 宛先不明\r\n\r\n容量超過\r\n.".encode() + b"\r\n")).startswith("250")
        assert (await caller.say("MAIL FROM:<> RET=HDRS")).startswith("555")
        assert (await caller.say("MAIL FROM:<\u00e9@example.jp>")).startswith("500")


async def test_report_for_several_recipients_is_kept_for_each(receiving: Receiving) -> None:
    """Each recipient has its report; named twice it has one; more than ten are too many."""
    before = len(await receiving.kept())
    async with calling(receiving.port) as caller:
        assert (await caller.mail(MAIL + b"each\r\n", receiving.path, "postmaster", "postmaster")).startswith("250")
        assert len(await receiving.kept()) == before + 2
        await caller.say("MAIL FROM:<>")
        replies = [(await caller.say("RCPT TO:<postmaster>"))[:3] for _ in range(11)]
        assert replies == ["250"] * 10 + ["452"]


async def test_repeated_report_is_kept_once(receiving: Receiving) -> None:
    """A sender that saw no 250 sends the same again."""
    before = len(await receiving.kept())
    async with calling(receiving.port) as caller:
        for _ in range(3):
            assert (await caller.mail(MAIL + b"again\r\n", receiving.path)).startswith("250")
    assert len(await receiving.kept()) == before + 1


async def test_guessing_ends_the_session(receiving: Receiving) -> None:
    """After ten recipients that do not exist there is no eleventh."""
    async with calling(receiving.port) as caller:
        await caller.say("MAIL FROM:<>")
        replies = [await caller.say(f"RCPT TO:<guess{number}@{SENDER_DOMAIN}>") for number in range(11)]
        assert [reply[:3] for reply in replies] == ["550"] * 10 + ["421"]
        assert await caller.hear() == ""


@pytest.mark.parametrize(
    ("command", "times"), [("NOOP", 20), ("EHLO x", 20), ("VRFY x", 20), ("RSET", 1000), ("XYZ", 4)]
)
async def test_endless_commands_end_the_session(receiving: Receiving, command: str, times: int) -> None:
    """A session that goes round in circles is ended."""
    async with calling(receiving.port) as caller:
        replies = [await caller.say(command) for _ in range(times + 1)]
        assert [reply for reply in replies if reply][-1][:3] in {"421", "502"}
        assert await caller.hear() == ""


async def test_mail_that_is_cut_off_is_not_kept(receiving: Receiving) -> None:
    """A connection that is lost before the dot leaves nothing, and no trace in the log."""
    before = len(await receiving.kept())
    for behind in (b"", b"Subject: cut\r\n", b"Subject: cut\r\n\r\nHello\r\n.", b"Subject: cut\r\n\r\nHello\r\n.\r"):
        async with calling(receiving.port) as caller:
            assert (await caller.say("MAIL FROM:<>", "RCPT TO:<postmaster>", "DATA")).startswith("354")
            caller.writer.write(behind)
            await caller.writer.drain()
            caller.writer.transport.abort()
    await asyncio.sleep(0.2)
    assert len(await receiving.kept()) == before


async def test_logs_name_neither_tags_nor_addresses_nor_faults(receiving: Receiving) -> None:
    """After all that, the log has no recipient, no tag and no traceback."""
    printed = (receiving.service.folder / "stderr").read_text()
    assert receiving.path.partition("@")[0] not in printed
    assert "taro@" not in printed
    assert "Traceback" not in printed
    assert '"level": "error"' not in printed


async def test_port_that_is_taken_is_one_line(receiving: Receiving, tmp_path: Path) -> None:
    """A receiver that cannot listen stops the start, as every listener does."""
    other = Service(folder=tmp_path, settings={"RECEIVER": f"127.0.0.1:{receiving.port}"})
    with pytest.raises(RuntimeError, match="ended at its start"):
        await other.start()
    await other.client.aclose()
    assert "MAILSVC_RECEIVER: found" in other.printed
    assert "Traceback" not in other.printed


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_real_client_finds_nothing_wrong(receiving: Receiving) -> None:
    """curl, which others wrote, sends a mail over STARTTLS."""
    done = await asyncio.to_thread(
        subprocess.run,
        [
            *("curl", "--silent", "--show-error", "--ssl-reqd", "--insecure", f"smtp://127.0.0.1:{receiving.port}"),
            *("--mail-from", "", "--mail-rcpt", receiving.path, "--upload-file", "-"),
        ],
        input=MAIL + b"curl\r\n", capture_output=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (await receiving.service.client.get("/readyz")).status_code == httpx2.codes.OK
