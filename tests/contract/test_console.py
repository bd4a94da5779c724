"""``/console`` over HTTP: signing in, roles, tokens, headers, and each page with something on it (CONTRACT 3.7)."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from mailsvc.console.access import FORM_LIMIT
from tests.support.api import key_with
from tests.support.console import post, signed_in, token_of
from tests.support.service import API_KEY, Service
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import say

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = ("", "/destinations", "/messages", "/addresses", "/reports", "/webhooks", "/sender", "/settings", "/actions")
FORMS = (
    "/sign-out",
    "/messages",
    "/addresses/find",
    "/addresses/reveal",
    "/addresses/clear",
    "/addresses/export",
    "/reports/retry",
    "/webhooks/replay",
)
FULL = "552 5.2.2 Mailbox full"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def console(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    """Sign in as an operator who reads English."""
    async with signed_in(service) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def nobody(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    """Come without a session."""
    async with httpx2.AsyncClient(base_url=service.url, trust_env=False) as client:
        yield client


async def secret_with(service: Service, scope: str) -> str:
    """Make a key; return its secret."""
    return (await key_with(service, scope))["Authorization"].removeprefix("Bearer ")


async def flag(service: Service, peer: SmtpPeer, to: str, reply: str = FULL, **fields: Any) -> str:
    """Have a code to an address be refused; return the id of its message."""
    peer.script = {"rcpt": say(reply)}
    message_id: str = (await service.submit(to, **fields)).json()["id"]
    await service.outcome(message_id)
    peer.script = {}
    return message_id


async def handle_of(console: httpx2.AsyncClient, state: str = "mailbox_full") -> str:
    """Return the name that the list has for the address whose state changed last."""
    found = re.search(r"change=(adr_[a-p]{28})", (await console.get(f"/console/addresses?state={state}")).text)
    assert found
    return found[1]


async def test_page_without_session_leads_to_sign_in(nobody: httpx2.AsyncClient) -> None:
    """Nothing is shown to whoever is not signed in; an API key in a header is no session."""
    for path in (*PAGES, "/live", "/messages/msg_x", "/destinations/docomo.ne.jp"):
        answer = await nobody.get(f"/console{path}", headers={"Authorization": f"Bearer {API_KEY}"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")


async def test_session_cookie_is_strict_and_hidden(nobody: httpx2.AsyncClient) -> None:
    """No script reads it and no other site sends it; without TLS it cannot be Secure."""
    answer = await nobody.post("/console/sign-in", data={"key": API_KEY})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    name, *rest = [part.strip().lower() for part in answer.headers["set-cookie"].split(";")]
    assert name.startswith("mailsvc_session=")
    assert API_KEY.lower() not in name
    assert {"httponly", "samesite=strict", "path=/"} <= set(rest)


async def test_cookie_is_secure_behind_tls(tmp_path: Any) -> None:
    """Behind a proxy that does TLS the cookie has the prefix that binds it to this host."""
    async with Service(folder=tmp_path, settings={"HTTP_BEHIND_PROXY": "true"}) as service:
        answer = await service.client.post("/console/sign-in", data={"key": API_KEY})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-mailsvc_session=")
        assert {"Secure", "HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}


@pytest.mark.parametrize("secret", ["", "mk_nonsense", "'; DROP TABLE api_keys; --"])
async def test_unknown_key_is_refused(nobody: httpx2.AsyncClient, secret: str) -> None:
    """The page says so and does not repeat the key."""
    answer = await nobody.post("/console/sign-in", data={"key": secret})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert not secret or secret not in answer.text


@pytest.mark.parametrize("scope", ["submit", "check"])
async def test_key_that_may_not_look_is_refused(service: Service, nobody: httpx2.AsyncClient, scope: str) -> None:
    """Only `operate` and `read` sign in."""
    secret = await secret_with(service, scope)
    assert (await nobody.post("/console/sign-in", data={"key": secret})).status_code == 403


async def test_sign_out_ends_the_session_for_good(service: Service) -> None:
    """The cookie is worth nothing afterwards, whoever kept it."""
    async with signed_in(service) as client:
        kept = client.cookies["mailsvc_session"]
        assert (await post(client, "/sign-out")).headers["location"] == "/console/sign-in"
        client.cookies.set("mailsvc_session", kept)
        assert (await client.get("/console")).status_code == 303


async def test_revoked_key_ends_its_sessions(service: Service) -> None:
    """Whoever signed in with it is out at the next click."""
    answer = await service.client.post("/v1/keys", json={"name": "leaver", "scopes": ["operate"]})
    async with signed_in(service, answer.json()["secret"]) as client:
        assert (await client.get("/console")).status_code == 200
        await service.client.post(f"/v1/keys/{answer.json()['id']}/revoke")
        assert (await client.get("/console")).status_code == 303


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("path", PAGES)
async def test_page_has_a_title_a_heading_and_the_headers(service: Service, path: str, language: str) -> None:
    """Every page says where one is, in the language asked for, and is stored nowhere."""
    async with signed_in(service, language=language) as client:
        answer = await client.get(f"/console{path}")
    assert answer.status_code == 200, answer.text
    assert f'<html lang="{language}">' in answer.text
    assert len(re.findall("<h1", answer.text)) == 1
    assert answer.text.count('aria-current="page"') == 1
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy.pop("default-src") == policy.pop("frame-ancestors") == policy.pop("base-uri") == "'none'"
    assert {"script-src", "style-src", "img-src", "connect-src", "object-src", "form-action"} <= policy.keys()
    assert set(policy.values()) <= {"'self'", "'none'"}
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=|javascript:", answer.text)


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("token", [None, "", "0" * 64, "トークン"])
async def test_form_without_its_token_has_no_effect(console: httpx2.AsyncClient, path: str, token: str | None) -> None:
    """Whoever makes a browser send a form cannot know the token of the session."""
    fields = {"reason": "x", "change": await handle_or_none(console)} | ({} if token is None else {"token": token})
    for _ in range(10):
        assert (await console.post(f"/console{path}", data=fields)).status_code == 403
    assert (await console.get("/console")).status_code == 200


async def handle_or_none(console: httpx2.AsyncClient) -> str:
    """Return the name of some flagged address, if there is one."""
    found = re.search(r"change=(adr_[a-p]{28})", (await console.get("/console/addresses")).text)
    return found[1] if found else "adr_x"


@pytest.mark.parametrize("path", [*FORMS, "/sign-in", "/language"])
async def test_form_from_another_site_is_refused(console: httpx2.AsyncClient, path: str) -> None:
    """Browsers say where a form comes from; even the right token does not help."""
    fields = {"token": await token_of(console), "key": API_KEY, "language": "ja"}
    for origin in ("cross-site", "same-site", "none"):
        answer = await console.post(f"/console{path}", data=fields, headers={"Sec-Fetch-Site": origin})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


async def test_token_of_another_session_does_not_do(service: Service, console: httpx2.AsyncClient) -> None:
    """A token belongs to one session."""
    async with signed_in(service) as other:
        fields = {"token": await token_of(other)}
        assert (await console.post("/console/addresses/export", data=fields)).status_code == 403


@pytest.mark.parametrize("path", FORMS)
async def test_address_of_a_form_answers_no_get(console: httpx2.AsyncClient, path: str) -> None:
    """A link changes nothing."""
    answer = await console.get(f"/console{path}")
    assert answer.status_code == (200 if path == "/messages" else 405)


async def test_reader_sees_and_changes_nothing(service: Service, scripted: SmtpPeer) -> None:
    """The buttons are not there, and forms sent all the same are refused."""
    await flag(service, scripted, "reader@docomo.ne.jp")
    async with signed_in(service, await secret_with(service, "read")) as client:
        handle = await handle_of(client)
        page = (await client.get(f"/console/addresses/one?change={handle}")).text
        assert "Read only" in page
        assert "/addresses/clear" not in page
        assert "/addresses/reveal" not in page
        for path in (
            "/addresses/clear",
            "/addresses/reveal",
            "/addresses/export",
            "/reports/retry",
            "/webhooks/replay",
        ):
            assert (await post(client, path, change=handle, reason="x")).status_code == 403
        assert (await post(client, "/messages", sought="reader@docomo.ne.jp")).status_code == 303
        assert await handle_of(client) == handle


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"key=" + b"x" * FORM_LIMIT, {}, 413),
        (b"key=%ff", {}, 400),
        (b"&".join(b"a=1" for _ in range(21)), {}, 400),
        (b'{"key": "x"}', {"Content-Type": "application/json"}, 415),
    ],
)
async def test_form_that_cannot_be_read_is_refused(
    nobody: httpx2.AsyncClient, body: bytes, headers: dict[str, str], status: int
) -> None:
    """Bounded in octets and fields, UTF-8, and of one type."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | headers
    answer = await nobody.post("/console/sign-in", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/consolex", "/console\r\nX: y", ""])
async def test_language_leads_back_to_the_console_only(console: httpx2.AsyncClient, back: str) -> None:
    """Whatever the form says."""
    answer = await console.post("/console/language", data={"language": "en", "back": back})
    assert re.fullmatch(r"/console(/?%0D%0AX:%20y)?", answer.headers["location"])


async def test_unknown_page_is_a_page(console: httpx2.AsyncClient) -> None:
    """What is not there is said in words, with the status of it."""
    for path in ("/console/nothing", "/console/messages/msg_x", "/console/addresses/one", "/console/assets/x.css"):
        answer = await console.get(path)
        assert (answer.status_code, "Not found" in answer.text) == (404, True)
    assert (await console.get("/consolation")).headers["content-type"] == "application/problem+json"


async def test_files_are_found_by_their_content_and_kept(console: httpx2.AsyncClient) -> None:
    """Style sheet, script and icon come from here, under names that change with them."""
    found = set(re.findall(r'(?:href|src)="(/console/assets/[^"]+)"', (await console.get("/console")).text))
    assert {path.rpartition(".")[2] for path in found} == {"css", "js", "svg"}
    for path in found:
        answer = await console.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


async def test_overview_tells_how_codes_fare(service: Service, console: httpx2.AsyncClient) -> None:
    """A code that was delivered is counted within seconds."""
    await service.outcome((await service.submit("now@docomo.ne.jp")).json()["id"])
    async with asyncio.timeout(10):
        while "Codes are on time" not in (page := (await console.get("/console")).text):  # noqa: ASYNC110  it is another process
            await asyncio.sleep(0.1)
    assert "accepted by their destination within 60 s" in page
    assert "127.0.0.1" in (await console.get("/console/destinations")).text
    site = (await console.get("/console/destinations/127.0.0.1")).text
    assert "Where the time goes" in site
    assert "Sessions at one time" in site


async def test_message_is_found_and_its_story_told(service: Service, scripted: SmtpPeer) -> None:
    """By id, customer, challenge, reference and address; with the reply, the reason in words, and no code."""
    message_id = await flag(
        service, scripted, "story@docomo.ne.jp", f"{FULL} <story@docomo.ne.jp>", customer="c-77", challenge="l-77"
    )
    reference = (await service.client.get(f"/v1/messages/{message_id}")).json()["reference"]
    async with signed_in(service) as client:
        for sought in (message_id, "c-77", "l-77", reference.lower(), "story@docomo.ne.jp", "Story@DOCOMO.ne.jp"):
            answer = await post(client, "/messages", sought=sought)
            assert answer.headers["location"] == f"/console/messages/{message_id}", sought
        page = (await client.get(f"/console/messages/{message_id}")).text
        assert "552 5.2.2 Mailbox full &lt;s***@docomo.ne.jp&gt;" in page
        assert "The mailbox is full. Ask the customer to delete mail." in page
        assert "042917" not in page
        assert "story@" not in page
        assert message_id in (await client.get("/console/messages?customer=c-77")).text
        for sought in ("nobody@docomo.ne.jp", "no address@", "c-nothing", "%"):
            assert "There is no such message" in (await post(client, "/messages", sought=sought)).text


async def test_address_is_revealed_and_cleared_with_a_trace(service: Service, scripted: SmtpPeer) -> None:
    """Masked until asked for; who asked and who cleared, and why, stands in the log."""
    await flag(service, scripted, "hanako-trace@docomo.ne.jp")
    async with signed_in(service) as client:
        handle = await handle_of(client)
        masked = (await client.get(f"/console/addresses/one?change={handle}")).text
        assert "hanako-trace" not in masked
        assert "h***@docomo.ne.jp" in masked
        assert "hanako-trace@docomo.ne.jp" in (await post(client, "/addresses/reveal", change=handle)).text
        for reason in ("", " ", "x" * 201):
            assert (await post(client, "/addresses/clear", change=handle, reason=reason)).status_code == 400
        cleared = await post(client, "/addresses/clear", change=handle, reason="電話で確認")
        assert cleared.headers["location"] == "/console/addresses?notice=cleared"
        log = (await client.get("/console/actions")).text
        assert log.index("Address cleared") < log.index("Address shown") < log.index("Sign in")
        assert "電話で確認" in log
        assert "hanako-trace" not in log
        assert (await post(client, "/addresses/clear", change=handle, reason="again")).status_code == 404
    state = (await service.client.post("/v1/addresses/state", json={"address": "hanako-trace@docomo.ne.jp"})).json()
    assert state["state"] == "deliverable"


async def test_export_has_every_flagged_address_and_no_formula(service: Service, scripted: SmtpPeer) -> None:
    """A file for a spreadsheet: all columns, addresses in full, cells that would run made harmless."""
    await flag(service, scripted, "=cmd@docomo.ne.jp", "552 5.2.2 =HYPERLINK(1) full")
    async with signed_in(service) as client:
        answer = await post(client, "/addresses/export", state="mailbox_full")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert "attachment" in answer.headers["content-disposition"]
        rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        assert "'=cmd@docomo.ne.jp" in [row["address"] for row in rows]
        assert {row["state"] for row in rows} == {"mailbox_full"}
        assert not [cell for row in rows for cell in row.values() if cell[:1] in tuple("=+@\t\r")]
        assert "Addresses downloaded as CSV" in (await client.get("/console/actions")).text


async def test_quarantined_report_is_read_again(service: Service, console: httpx2.AsyncClient) -> None:
    """The list shows what came back without its body; retry is noted."""
    raw = b"From: x@example.jp\r\nSubject: kanariya\r\n\r\nkanariya\r\n"
    report = (await service.client.post("/v1/reports", content=raw, headers={"Content-Type": "message/rfc822"})).json()[
        "id"
    ]
    page = (await console.get("/console/reports")).text
    assert "kanariya" not in page
    answer = await post(console, "/reports/retry", report=report)
    assert answer.headers["location"] == "/console/reports?notice=retried"
    assert report in (await console.get("/console/actions")).text
    assert (await post(console, "/reports/retry", report="rep_x")).status_code == 404


async def test_settings_are_shown_without_secrets(console: httpx2.AsyncClient) -> None:
    """Every variable, and of a key no more than that it is set."""
    page = (await console.get("/console/settings")).text
    assert "MAILSVC_SECRET_KEYS" in page
    assert API_KEY not in page
    assert "dGVzdC1rZXk" not in page


async def test_open_pages_are_told_to_look_again(service: Service, console: httpx2.AsyncClient) -> None:
    """A change of the log reaches an open page within seconds."""
    async with asyncio.timeout(10), console.stream("GET", "/console/live") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        await service.submit("live@docomo.ne.jp")
        assert await anext(lines) == "data: look"


async def test_unknown_webhook_is_not_replayed(console: httpx2.AsyncClient) -> None:
    """What is not configured cannot be sent to."""
    assert (await post(console, "/webhooks/replay", url="https://nobody.example/")).status_code == 404


async def test_actions_over_the_api_are_noted_too(service: Service, console: httpx2.AsyncClient) -> None:
    """Whatever needs scope `operate` and changes something stands in one log."""
    key = (await service.client.post("/v1/keys", json={"name": "noted-key", "scopes": ["read"]})).json()["id"]
    await service.client.post(f"/v1/keys/{key}/revoke")
    address = "noted@docomo.ne.jp"
    await service.client.post("/v1/addresses/clear", json={"address": address, "reason": "noted reason"})
    await service.client.post("/v1/addresses/forget", json={"address": address})
    log = (await console.get("/console/actions")).text
    said = [log.index(what) for what in ("Address erased", "Address cleared", "API key revoked", "API key made")]
    assert said == sorted(said)
    assert log.count("noted-key") == 2
    assert "noted reason" in log
    assert address not in log
