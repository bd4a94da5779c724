"""Handing reports in over HTTP, and what operators see of them (CONTRACT 3.5)."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.api import exchange, key_with, pointers, post, problem
from tests.support.reports import SENDER_DOMAIN, dsn, return_path
from tests.support.service import Service
from tests.support.tags import tag_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAIL = {"Content-Type": "message/rfc822"}
LETTER = b"Subject: hello\r\n\r\nHello.\r\n"
DEEP = 100


async def hand_in(service: Service, raw: bytes, **headers: str) -> httpx2.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await service.client.post("/v1/reports", content=raw, headers=MAIL | given)


async def reports(service: Service, query: str = "") -> list[dict[str, Any]]:
    found = (await service.client.get(f"/v1/reports{query}")).json()["reports"]
    return list(found)


async def report(service: Service, report_id: str) -> dict[str, Any]:
    """Return a report once it is read or in quarantine."""
    async with asyncio.timeout(30):
        while True:
            (found,) = [one for one in await reports(service, "?limit=500") if one["id"] == report_id]
            if found["state"] != "pending":
                return found
            await asyncio.sleep(0.05)


async def sent(service: Service, to: str) -> tuple[str, str]:
    """Mail an address; return the message's id and its return path."""
    message = (await service.submit(to, challenge=to)).json()["id"]
    await service.outcome(message)
    return message, return_path(tag_of(service.folder, to))


def poison() -> bytes:
    """Return a mail that is nested too deep to be read."""
    opens = "".join(
        f'Content-Type: multipart/mixed; boundary="b{level}"\r\n\r\n--b{level}\r\n' for level in range(DEEP)
    )
    return f"MIME-Version: 1.0\r\n{opens}\r\nend\r\n".encode()


async def test_report_that_was_handed_in_is_told_with_its_message(service: Service) -> None:
    """202 with an id, then read: by the headers alone a report finds its message, which tells it, and the address."""
    message, path = await sent(service, "handed@example.jp")
    answer = await hand_in(service, dsn(path, about=message, recipient="handed@example.jp"))
    assert answer.status_code == 202, answer.text
    found = await report(service, answer.json()["id"])
    assert found == {
        "id": answer.json()["id"],
        "received_at": found["received_at"],
        "source": "http",
        "recipient": None,
        "state": "done",
        "tries": 0,
        "problem": None,
        "kind": "bounce",
        "message": message,
    }
    (told,) = (await service.client.get(f"/v1/messages/{message}")).json()["feedback"]
    assert (told["action"], told["category"], told["verified"], told["source"]) == (
        "failed",
        "user_unknown",
        True,
        "http",
    )
    state = (await service.client.post("/v1/addresses/state", json={"address": "handed@example.jp"})).json()
    assert (state["state"], state["evidence"][0]["source"]) == ("suspect", "report")


async def test_envelope_recipient_is_taken_from_its_header(service: Service) -> None:
    """What came to a return path is known by it although no header tells; it is shown masked."""
    _, path = await sent(service, "enveloped@example.jp")
    raw = dsn("list@elsewhere.example", about=None, recipient="enveloped@example.jp", status="5.2.2")
    answer = await hand_in(service, raw, Envelope_Recipient=path)
    found = await report(service, answer.json()["id"])
    assert found["recipient"] == f"b***@{SENDER_DOMAIN}"
    assert found["message"] is not None


async def test_repeated_report_is_answered_with_the_first(service: Service) -> None:
    """A pipe that saw no answer hands the same in again."""
    first = await hand_in(service, LETTER + b"repeated")
    again = await hand_in(service, LETTER + b"repeated")
    other = await hand_in(service, LETTER + b"repeated", Envelope_Recipient="postmaster")
    assert [answer.status_code for answer in (first, again, other)] == [202] * 3
    assert first.json() == again.json() != other.json()


async def test_letter_changes_nothing(service: Service) -> None:
    """A mail that is no report is taken, read and forgotten."""
    answer = await hand_in(service, LETTER + b"letter")
    found = await report(service, answer.json()["id"])
    assert (found["state"], found["kind"], found["message"]) == ("done", "other", None)


@pytest.mark.parametrize(
    "type_", ["", "application/json", "text/plain", "message/rfc822x", "message/delivery-status", "*/*"]
)
async def test_other_type_is_unsupported(service: Service, type_: str) -> None:
    """A body that is not said to be a mail is refused."""
    answer = await service.client.post("/v1/reports", content=LETTER, headers={"Content-Type": type_})
    assert "message/rfc822" in problem(answer, "unsupported_media_type")["detail"]


@pytest.mark.parametrize("type_", ["Message/RFC822", "message/rfc822; charset=utf-8"])
async def test_type_is_read_as_types_are(service: Service, type_: str) -> None:
    """Case and parameters of the type do not matter."""
    answer = await service.client.post("/v1/reports", content=LETTER, headers={"Content-Type": type_})
    assert answer.status_code == 202


@pytest.mark.parametrize("raw", [b"", b"\r\n \r\n"])
async def test_empty_body_is_malformed(service: Service, raw: bytes) -> None:
    """Nothing is no mail."""
    problem(await hand_in(service, raw), "malformed")


async def test_size_is_limited(service: Service) -> None:
    """A mail of one MiB is taken, one octet more is not."""
    line = b"x" * 62 + b"\r\n"
    full = LETTER + line * ((1024 * 1024 - len(LETTER)) // len(line))
    full += b"y" * (1024 * 1024 - len(full))
    assert (await hand_in(service, full)).status_code == 202
    assert "1048576" in problem(await hand_in(service, full + b"x"), "too_large")["detail"]


@pytest.mark.parametrize("recipient", ["", "a b@example.jp", "x" * 321, "t\xe9@example.jp", "a\tb@example.jp"])
async def test_recipient_that_is_none_is_refused(service: Service, recipient: str) -> None:
    """The header names an address or is left out."""
    head = [b"Content-Type: message/rfc822".decode(), f"Envelope-Recipient: {recipient}"]
    answer = await exchange(service, post("/v1/reports", LETTER, *head))
    assert pointers(answer) == {"Envelope-Recipient"}


async def test_what_cannot_be_read_is_seen_in_the_quarantine(service: Service) -> None:
    """A bomb is taken, ends in quarantine with its reason, is listed there, and can be tried again."""
    answer = await hand_in(service, poison())
    found = await report(service, answer.json()["id"])
    assert (found["state"], found["kind"]) == ("quarantined", None)
    assert found["problem"]
    listed = await reports(service, "?state=quarantined")
    assert found in listed
    assert not any("raw" in one or "body" in one for one in listed)
    again = await service.client.post(f"/v1/reports/{found['id']}/retry")
    assert again.status_code == 200
    assert (again.json()["id"], again.json()["tries"]) == (found["id"], 0)
    assert (await report(service, found["id"]))["state"] == "quarantined"
    assert "mailsvc_reports_quarantined" in (await service.client.get("/metrics")).text


async def test_retry_of_a_report_that_is_done_changes_nothing(service: Service) -> None:
    """Only what is in quarantine is read again; an unknown id is not found; a body may be left out and nothing else."""
    done = await report(service, (await hand_in(service, LETTER + b"done")).json()["id"])
    assert (await service.client.post(f"/v1/reports/{done['id']}/retry", json={})).json() == done
    problem(await service.client.post("/v1/reports/rep_x/retry"), "not_found")
    answer = await service.client.post(f"/v1/reports/{done['id']}/retry", json={"force": True})
    assert pointers(answer) == {"/force"}


async def test_reports_are_listed_in_pages(service: Service) -> None:
    """Newest first, with a cursor, by state; wrong parameters are named."""
    ids = [(await hand_in(service, LETTER + b"page %d" % number)).json()["id"] for number in range(3)]
    await asyncio.gather(*(report(service, id_) for id_ in ids))
    first = (await service.client.get("/v1/reports?state=done&limit=2")).json()
    second = (await service.client.get(f"/v1/reports?state=done&limit=1&cursor={first['next']}")).json()
    assert [one["id"] for one in first["reports"] + second["reports"]] == ids[::-1]
    for query, name in (
        ("state=lost", "state"),
        ("cursor=rep_1", "cursor"),
        ("limit=0", "limit"),
        ("stat=done", "stat"),
    ):
        assert pointers(await service.client.get(f"/v1/reports?{query}")) == {name}


async def test_key_of_another_scope_sees_no_reports(service: Service) -> None:
    """A key that may read messages may not hand reports in."""
    headers = await key_with(service, "read", "submit")
    answer = await service.client.post("/v1/reports", content=LETTER, headers=MAIL | headers)
    problem(answer, "forbidden")


async def test_feedback_is_counted(service: Service) -> None:
    """What reports say of messages is counted by category, and reports by what they are."""
    message, path = await sent(service, "counted@example.jp")
    full = dsn(path, about=message, recipient="counted@example.jp", status="5.2.2", diagnostic="552 5.2.2 mailbox full")
    await report(service, (await hand_in(service, full)).json()["id"])
    text = (await service.client.get("/metrics")).text
    assert 'mailsvc_feedback_total{category="mailbox_full"}' in text
    assert 'mailsvc_reports_total{kind="bounce"}' in text
    assert (await service.client.get("/readyz")).json()["late"] == {}


async def test_code_in_a_returned_mail_is_in_no_file_and_no_answer(service: Service) -> None:
    """The returned mail holds the code: no file, log or answer shows it, nor a diagnostic that repeats it."""
    message, path = await sent(service, "quoted@example.jp")
    raw = dsn(
        path, about=message, recipient="quoted@example.jp", note="認証コード：860135", diagnostic="550 no 860135 here"
    )
    report_id = (await hand_in(service, raw)).json()["id"]
    found = await report(service, report_id)
    view = (await service.client.get(f"/v1/messages/{message}")).text
    for text in (str(found), view, str(await service.events()), service.printed):
        assert "860135" not in text
    assert not any(b"860135" in path.read_bytes() for path in _files(service.folder))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
