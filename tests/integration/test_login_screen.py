"""The login screen of docs/guide/login-screen.md, run against the service."""

import asyncio
import re
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from mailsvc.domain.guidance import LENGTH_MAX
from tests.support.environment import FULL_RUN
from tests.support.service import API_KEY, Service
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import say

TEXT = Path(__file__).parents[2] / "docs/guide/login-screen.md"
CODE = "731946"
NOBODY = "550 5.1.1 User unknown"
AGAIN, OTHER = "認証コードを再発行する", "別の方法で認証する"

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Page:
    """The page's code, called in threads as a web server would."""

    def __init__(self, url: str) -> None:
        (code,) = re.findall(r"```python\n(.*?)```", TEXT.read_text(), re.DOTALL)
        self.names: dict[str, Any] = {}
        exec(compile(code, str(TEXT), "exec"), self.names)
        self.over = threading.Event()
        headers = {"Authorization": f"Bearer {API_KEY}"}
        hooks = {"request": [self._stop_when_over]}
        self.http = httpx2.Client(base_url=url, headers=headers, trust_env=False, event_hooks=hooks)
        self.logins = self.names["Logins"](self.http)

    def listen(self) -> None:
        """Follow the events until it is over."""
        with suppress(SystemExit):
            self.logins.listen()

    def _stop_when_over(self, _request: httpx2.Request) -> None:
        """End the thread that follows events."""
        if self.over.is_set():
            raise SystemExit


class Screen:
    """A login on the page."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.logins = page, page.logins
        self.login = page.names["Login"](address)

    async def send(self, code: str = CODE) -> None:
        """Have a code mailed."""
        await asyncio.to_thread(self.logins.send, self.login, code)

    async def shown(self, waited: float | None = None) -> tuple[str, list[str]]:
        """Return what the screen shows now, or after so many seconds."""
        if waited is not None:
            self.login.began = self.page.names["time"].monotonic() - waited
        text, buttons = await asyncio.to_thread(self.logins.screen, self.login)
        assert len(text) <= LENGTH_MAX
        return text, buttons

    async def until(self, state: str) -> None:
        """Wait for the message's state."""
        await eventually(lambda: self.login.state == state, 5)


async def eventually(true: Callable[[], bool], seconds: float) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  it changes in a thread
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def peer() -> AsyncIterator[SmtpPeer]:
    """Listen as the relay."""
    async with SmtpPeer() as peer:
        yield peer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(peer: SmtpPeer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """Run the service, relaying to the peer; an address has four codes a minute."""
    settings = {"ROUTE": f"smtp://127.0.0.1:{peer.port}?tls=none", "RATE_PER_ADDRESS": "4/60s"}
    async with Service(folder=tmp_path_factory.mktemp("service"), settings=settings) as service:
        yield service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(service: Service) -> AsyncIterator[Page]:
    """Run the page, its thread following the events."""
    page = Page(service.url)
    thread = threading.Thread(target=page.listen)
    thread.start()
    yield page
    page.over.set()
    await service.submit()  # ends the long poll
    await asyncio.to_thread(thread.join)
    page.http.close()


@pytest.fixture
def open_screen(page: Page, peer: SmtpPeer) -> Callable[[str], Screen]:
    """Return what opens a login screen; the peer takes everything again."""
    peer.script = {}
    return lambda address: Screen(page, address)


async def test_screen_follows_a_code_to_its_use(service: Service, open_screen: Callable[[str], Screen]) -> None:
    """Sent, with the reference; help after a minute; and the use is reported."""
    screen = open_screen("taro@docomo.ne.jp")
    await screen.send()
    await screen.until("sent")
    text, buttons = await screen.shown()
    assert (screen.login.reference in text, buttons) == (True, [])
    text, buttons = await screen.shown(61)
    assert "受信リスト設定" in text
    assert buttons == [AGAIN, OTHER]
    await asyncio.to_thread(screen.logins.entered, screen.login)
    assert (await service.outcome(screen.login.message))["used_at"] is not None


async def test_new_code_begins_the_screen_anew(open_screen: Callable[[str], Screen], peer: SmtpPeer) -> None:
    """What comes of the code before is not shown any more."""
    peer.script = {"rcpt": say("450 4.2.0 try later")}
    screen = open_screen("jiro@example.jp")
    await screen.send()
    assert await screen.shown() == ("認証コードをメールでお送りしております。そのままお待ちください。", [])
    peer.script = {}
    await screen.send("042917")
    await screen.until("sent")
    assert screen.login.reference in (await screen.shown())[0]


async def test_address_that_refuses_is_told_with_another_way(
    service: Service, open_screen: Callable[[str], Screen], peer: SmtpPeer
) -> None:
    """By the event of a refusal, and by 409 once two mails found no mailbox."""
    peer.script = {"rcpt": say(NOBODY)}
    screen = open_screen("saburo@example.jp")
    for words in ("宛先が見つからない", "変更手続き"):
        await screen.send()
        await screen.until("failed")
        text, buttons = await screen.shown()
        assert words in text
        assert buttons == [OTHER, AGAIN]
        with sqlite3.connect(service.folder / "mailsvc.db", timeout=5) as connection:
            connection.execute("UPDATE evidence SET at = at - 61")
        connection.close()
    await screen.send()
    assert screen.login.message is None
    text, buttons = await screen.shown()
    assert "変更手続き" in text
    assert buttons == [OTHER, AGAIN]


@pytest.mark.timeout(200 if FULL_RUN else 60)
async def test_code_at_risk_offers_another_way_at_once(
    service: Service, open_screen: Callable[[str], Screen], peer: SmtpPeer
) -> None:
    """`message.at_risk` while the code waits for its next try."""
    peer.script = {"rcpt": say("450 4.2.0 try later")}
    screen = open_screen("shiro@example.jp")
    await screen.send()
    if FULL_RUN:
        await eventually(lambda: screen.login.at_risk, 160)
    else:
        event = next(event for event in await service.events() if event["message"] == screen.login.message)
        screen.logins.hear(event | {"type": "message.at_risk"})
    text, buttons = await screen.shown()
    assert "時間がかかっております" in text
    assert buttons == [OTHER]


async def test_customer_who_asks_too_often_is_told_how_long(open_screen: Callable[[str], Screen]) -> None:
    """429 is a time on the screen, and a new code when it is over."""
    screen = open_screen("goro@example.jp")
    for _ in range(5):
        await screen.send()
    text, buttons = await screen.shown()
    assert re.search("あと[1-9][0-9]*秒", text)
    assert buttons == [OTHER]
    assert (await screen.shown(61))[1] == [AGAIN, OTHER]


async def test_service_that_does_not_answer_is_another_way() -> None:
    """Three tries, then the screen goes on without a mail."""
    page = Page("http://127.0.0.1:9")
    with page.http:
        screen = Screen(page, "rokuro@example.jp")
        await screen.send()
        text, buttons = await screen.shown()
    assert "お届けできませんでした" in text
    assert buttons == [OTHER, AGAIN]
