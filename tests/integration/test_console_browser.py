"""The console in a real browser: an operator's work, hostile text, both languages, colours, a telephone, no scripts."""

import base64
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from mailsvc.store import Cipher, Store
from tests.support.browser import FAULTS, chromium, visitor
from tests.support.console import remember
from tests.support.environment import FULL_RUN
from tests.support.hostile import joined
from tests.support.service import SECRET_KEY, Service
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import say
from tests.support.store import GUIDE

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGES = (
    "",
    "/destinations",
    "/destinations/ezweb.ne.jp",
    "/destinations/127.0.0.1",
    "/messages",
    "/addresses",
    "/reports",
    "/webhooks",
    "/sender",
)
#: Language, colours and width (px): by default each of them once.
VIEWS = [("ja", "light", 1200), ("en", "dark", 1200), ("en", "light", 360)]
if FULL_RUN:
    VIEWS += [
        ("en", "light", 1200),
        ("ja", "dark", 1200),
        ("ja", "light", 360),
        ("ja", "dark", 360),
        ("en", "dark", 360),
    ]
WEBHOOK = '[{"url": "http://127.0.0.1:9/hook", "secret": "whsec_bWFpbHN2Yy13ZWJob29rLXNlY3JldC0xMjM0NQ=="}]'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    """Start a browser."""
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """Run a service with two weeks behind it, a full mailbox, a hostile server and an endpoint that is down."""
    del browser  # where there is none, nothing of this is needed
    folder = tmp_path_factory.mktemp("service")
    store = await Store.open(f"sqlite:///{folder / 'mailsvc.db'}", Cipher([base64.b64decode(SECRET_KEY)]), GUIDE)
    await remember(store, time.time())
    await store.close()
    async with SmtpPeer() as peer:
        settings = {"ROUTE": f"smtp://127.0.0.1:{peer.port}?tls=none", "WEBHOOKS": WEBHOOK}
        async with Service(folder=folder, settings=settings) as service:
            replies = ["Mailbox full <hanako@docomo.ne.jp>", *joined(440, 60)]
            for number, reply in enumerate(replies):
                peer.script = {"rcpt": say(f"552 5.2.2 {reply}")}
                answer = await service.submit(
                    f"hanako{number}@docomo.ne.jp", customer=f"c-{number}", challenge=reply[:90]
                )
                await service.outcome(answer.json()["id"])
            peer.script = {}
            await service.client.post(
                "/v1/reports", content=b"From: x\r\n\r\nhello\r\n", headers={"Content-Type": "message/rfc822"}
            )
            yield service


async def test_operator_finds_a_message_and_clears_its_address(browser: Any, service: Service) -> None:
    """From the customer's reference to the reason, the address in full, and its release; all by keyboard and forms."""
    async with visitor(browser, service) as page:
        assert "認証コードが時間どおりに届いていません" in await page.inner_text(".verdict")
        assert "ezweb.ne.jp" in await page.inner_text(".trouble")
        assert "当社側の要因" in await page.inner_text(".trouble")
        await page.click("nav >> text=メール")
        await page.fill("#sought", "c-0")
        await page.press("#sought", "Enter")
        await page.wait_for_url("**/console/messages/msg_*")
        assert "メールボックスの空き容量がありません" in await page.inner_text("main")
        assert "552 5.2.2 Mailbox full <h***@docomo.ne.jp>" in await page.inner_text(".reply")
        await page.click("dd >> text=容量超過")
        await page.click("text=アドレスを表示する")
        assert "hanako0@docomo.ne.jp" in await page.inner_text("h1")
        await page.fill("#reason", "電話で確認しました")
        await page.press("#reason", "Enter")
        await page.wait_for_url("**/console/addresses?notice=cleared")
        await page.click("nav >> text=操作記録")
        log = await page.inner_text("tbody")
        assert "アドレスの状態の解除" in log
        assert "アドレスの表示" in log
        await page.click("text=サインアウト")
        await page.wait_for_url("**/console/sign-in")


async def test_hostile_text_runs_nothing(browser: Any, service: Service) -> None:
    """Pages that repeat what servers and callers said ask nobody for anything, and break no rule (`visitor`)."""
    async with visitor(browser, service) as page:
        for path in PAGES:
            await page.goto(f"{service.url}/console{path}")
        messages = (await service.client.get("/v1/messages?limit=20")).json()["messages"]
        for message in messages:
            await page.goto(f"{service.url}/console/messages/{message['id']}")
            assert await page.locator(".reply").count() == 1
            await page.goto(f"{service.url}/console/addresses/one?message={message['id']}")


@pytest.mark.parametrize(("language", "scheme", "width"), VIEWS)
async def test_pages_can_be_read_and_used_by_everybody(
    browser: Any, service: Service, language: str, scheme: str, width: int
) -> None:
    """Labels, names, headings, contrast, sizes, and nothing wider than the screen."""
    messages = (await service.client.get("/v1/messages?limit=3")).json()["messages"]
    story = messages[-1]["id"]
    paths = (*PAGES, "/settings", "/actions", "/nothing", f"/messages/{story}", f"/addresses/one?message={story}")
    view = {"color_scheme": scheme, "viewport": {"width": width, "height": 740}}
    async with visitor(browser, service, **view) as page:
        if language == "en":
            await page.click("text=English")
        for path in paths:
            if path != "/nothing":  # a browser calls every 404 an error
                await page.goto(f"{service.url}/console{path}")
                assert await page.get_attribute("html", "lang") == language
                assert await page.evaluate(FAULTS) == [], path


async def test_keyboard_reaches_everything(browser: Any, service: Service) -> None:
    """The first stop leads past the menu; then come all links, fields and buttons, each with a visible mark."""
    async with visitor(browser, service) as page:
        await page.goto(f"{service.url}/console/messages")
        all_ = await page.evaluate(
            "[...document.querySelectorAll('a[href], button, input:not([type=hidden]), [tabindex=\"0\"]')].length"
        )
        reached = []
        for _ in range(all_):
            await page.keyboard.press("Tab")
            reached.append(
                await page.evaluate(
                    "[document.activeElement.outerHTML, getComputedStyle(document.activeElement).outlineStyle]"
                )
            )
        assert 'class="skip"' in reached[0][0]
        assert len({html for html, _ in reached}) == all_
        assert {style for _, style in reached} == {"solid"}


async def test_open_page_follows_what_happens(browser: Any, service: Service) -> None:
    """A code that is taken in appears on the page without anybody doing anything."""
    async with visitor(browser, service) as page:
        await page.goto(f"{service.url}/console/messages")
        await service.submit("live@docomo.ne.jp", customer="c-live")
        await page.wait_for_selector("text=c-live", timeout=10_000)


async def test_pages_work_without_scripts(browser: Any, service: Service) -> None:
    """Signing in, searching and reading need none; a page that would live reloads by itself."""
    async with visitor(browser, service, java_script_enabled=False) as page:
        await page.goto(f"{service.url}/console/messages")
        await page.fill("#sought", "c-1")
        await page.press("#sought", "Enter")
        await page.wait_for_url("**/console/messages/msg_*")
        assert await page.get_attribute("noscript meta", "content") == "10"


async def test_faults_of_a_page_are_seen(browser: Any, service: Service) -> None:
    """What the other tests rely on finds a field without label, faint text, and what is too wide."""
    async with visitor(browser, service) as page:
        await page.evaluate(
            """() => {
                const faint = document.createElement("p");
                faint.textContent = "faint";
                faint.style.color = "#999";
                document.querySelector("main").append(faint, document.createElement("input"));
                document.querySelector("main").style.width = "3000px";
            }"""
        )
        found = "".join(await page.evaluate(FAULTS))
        assert all(what in found for what in ("contrast", "no label", "px wide"))
