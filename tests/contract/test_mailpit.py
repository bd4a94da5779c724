"""The Mailpit client, over a real Mailpit where there is one, and always over answers recorded from v1.30.5."""

import json
import smtplib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from mailsvc.mailpit import Fault, Info, Mailpit, MailpitError, Summary
from tests.support.mailpit import RunningMailpit

RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "mailpit-1.30.5.json").read_text(encoding="utf-8")
)
ID = RECORDED["/messages"]["messages"][0]["ID"]


@contextmanager
def serving(answers: dict[str, Any], requests: list[tuple[str, str, bytes]] | None = None) -> Iterator[str]:
    """Serve answers by path (text as it is, else JSON), note the requests, and give the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.removeprefix("/api/v1").partition("?")[0]
            if requests is not None:
                requests.append((self.command, self.path, body))
            found = answers.get(path)
            content = (found if isinstance(found, str) else json.dumps(found)).encode()
            self.send_response(404 if path not in answers else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_DELETE = answer  # noqa: N815  the names that the handler looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
async def recorded() -> AsyncIterator[Mailpit]:
    with serving(RECORDED) as url:
        async with Mailpit(url) as mailpit:
            yield mailpit


async def test_recorded_list_and_search_read(recorded: Mailpit) -> None:
    """List and search give the same summaries, with addresses only."""
    expected = Summary(
        id=ID,
        message_id="msg_01@mail.example.jp",
        sender="no-reply@mail.example.jp",
        to=("taro@docomo.ne.jp",),
        subject="認証コード",
        size=RECORDED["/messages"]["messages"][0]["Size"],
    )
    assert await recorded.messages() == [expected]
    assert await recorded.search("to:taro@docomo.ne.jp") == [expected]


async def test_recorded_message_read(recorded: Mailpit) -> None:
    """One message comes decoded, with its envelope sender, header values and bytes."""
    mail = await recorded.message(ID)
    assert (mail.return_path, mail.text, mail.html) == ("b+abc@mail.example.jp", "認証コード：042917\r\n", "")
    assert (await recorded.headers(ID))["message-id"] == ["<msg_01@mail.example.jp>"]
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in await recorded.raw(ID)


async def test_recorded_info_and_chaos_read(recorded: Mailpit) -> None:
    """Version, number of messages and the faults of every command are read."""
    assert await recorded.info() == Info("dev", 1)
    assert (await recorded.chaos())["Recipient"] == Fault(451, 0)


async def test_fields_missing_or_null_read_as_empty() -> None:
    """A Mailpit that leaves fields out, or adds some, is read all the same."""
    entry = {"ID": "a", "From": None, "To": None, "New": {"x": 1}}
    with serving({"/messages": {"messages": [entry], "new": 1}, "/search": {"messages": None}, "/info": {}}) as url:
        async with Mailpit(url) as mailpit:
            (summary,) = await mailpit.messages()
            assert (summary.id, summary.sender, summary.to, summary.subject) == ("a", "", (), "")
            assert await mailpit.search("x") == []
            assert await mailpit.info() == Info("", 0)


@pytest.mark.parametrize("ids", [[], [""]])
async def test_delete_of_nothing_refused_unsent(ids: list[str]) -> None:
    """A delete without ids is refused before it is sent: Mailpit would delete every message."""
    requests: list[tuple[str, str, bytes]] = []
    with serving({"/messages": "ok"}, requests) as url:
        async with Mailpit(url) as mailpit:
            with pytest.raises(ValueError, match="name the messages"):
                await mailpit.delete(ids)
    assert requests == []


async def test_delete_sends_ids_as_json() -> None:
    """The ids travel as the JSON that Mailpit decodes; as a form they would mean every message."""
    requests: list[tuple[str, str, bytes]] = []
    with serving({"/messages": "ok"}, requests) as url:
        async with Mailpit(url) as mailpit:
            await mailpit.delete(["a", "b"])
    ((method, path, body),) = requests
    assert (method, path, json.loads(body)) == ("DELETE", "/api/v1/messages", {"IDs": ["a", "b"]})


@pytest.mark.parametrize("answer", ["no json", "[]", "1"])
async def test_other_service_refused_by_name(answer: str) -> None:
    """An answer that is not Mailpit's is an error that asks whether this is one, and the probe says no."""
    with serving({"/info": answer}) as url:
        async with Mailpit(url) as mailpit:
            with pytest.raises(MailpitError, match=r"GET /info: .*is this a Mailpit"):
                await mailpit.info()
        assert not await Mailpit.answering(url)


async def test_error_status_told() -> None:
    """A refused request names itself and the status."""
    with serving({}) as url:
        async with Mailpit(url) as mailpit:
            with pytest.raises(MailpitError, match="GET /message/none: Mailpit answered 404"):
                await mailpit.message("none")


async def test_nobody_listening_probe_says_no() -> None:
    """The probe answers no where nobody listens, and a request says that nobody answered."""
    with serving({}) as url:
        pass
    assert not await Mailpit.answering(url)
    async with Mailpit(url) as mailpit:
        with pytest.raises(MailpitError, match="no answer from Mailpit"):
            await mailpit.messages()


async def test_recorded_probe_says_yes() -> None:
    """The probe answers yes to what Mailpit says of itself."""
    with serving(RECORDED) as url:
        assert await Mailpit.answering(f"{url}/")


def send(mailpit: RunningMailpit, recipient: str) -> EmailMessage:
    """Send one mail by SMTP and return it."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "no-reply@mail.example.jp", recipient, "認証コード"
    mail["Message-ID"] = f"<{recipient}>"
    mail.set_content("認証コード：042917")
    with smtplib.SMTP(mailpit.smtp_host, mailpit.smtp_port, local_hostname="localhost", timeout=10) as smtp:
        smtp.sendmail("b+abc@mail.example.jp", [recipient], mail.as_bytes())
    return mail


async def test_real_mail_found_read_and_deleted(running_mailpit: RunningMailpit) -> None:
    """A mail sent to a real Mailpit is found, read in every form, and deleted alone."""
    recipient, other = f"taro-{token_hex(8)}@docomo.ne.jp", f"jiro-{token_hex(8)}@docomo.ne.jp"
    send(running_mailpit, recipient)
    send(running_mailpit, other)
    async with Mailpit(running_mailpit.url) as mailpit:
        assert await Mailpit.answering(running_mailpit.url)
        (summary,) = await mailpit.search(f'to:"{recipient}"')
        assert summary in await mailpit.messages(500)
        mail = await mailpit.message(summary.id)
        assert (mail.to, mail.return_path, mail.subject) == ((recipient,), "b+abc@mail.example.jp", "認証コード")
        assert mail.text.strip() == "認証コード：042917"
        assert (await mailpit.headers(summary.id))["to"] == [recipient]
        assert f"To: {recipient}".encode() in await mailpit.raw(summary.id)
        await mailpit.delete([summary.id])
        assert await mailpit.search(f'to:"{recipient}"') == []
        (rest,) = await mailpit.search(f'to:"{other}"')
        await mailpit.delete([rest.id])


async def test_real_chaos_refuses_then_works_again(running_mailpit: RunningMailpit) -> None:
    """Chaos makes a real Mailpit refuse every recipient, until it is taken back."""
    recipient = f"taro-{token_hex(8)}@docomo.ne.jp"
    async with Mailpit(running_mailpit.url) as mailpit:
        if not running_mailpit.own:
            pytest.skip("chaos is not set on a Mailpit that others use: put mailpit on PATH instead of MAILPIT_URL")
        assert (await mailpit.set_chaos({"Recipient": Fault(450, 100)}))["Recipient"] == Fault(450, 100)
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            send(running_mailpit, recipient)
        assert refused.value.recipients[recipient][0] == 450
        assert (await mailpit.set_chaos({}))["Recipient"].probability == 0
        send(running_mailpit, recipient)
        (summary,) = await mailpit.search(f'to:"{recipient}"')
        await mailpit.delete([summary.id])
