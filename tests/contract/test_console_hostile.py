"""Five hundred hostile texts in replies of servers, and in what callers send: pages show them, and run none."""

from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx2
import pytest
import pytest_asyncio

from tests.support.console import post, signed_in
from tests.support.hostile import joined, texts
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import say

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: What our own templates are made of.
TAGS = frozenset(
    {
        *("html", "head", "meta", "title", "link", "noscript", "script", "body", "header", "main", "footer", "nav"),
        *("a", "div", "img", "span", "form", "input", "button", "label", "ul", "ol", "li", "section", "h1", "h2", "p"),
        *("table", "thead", "tbody", "tr", "th", "td", "code", "time", "dl", "dt", "dd", "strong", "b", "blockquote"),
        *("svg", "rect", "g", "line", "figure", "figcaption", "details", "summary"),
    }
)


class Page(HTMLParser):
    """Notes what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.strange: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note an element or an attribute that is not ours."""
        if tag not in TAGS:
            self.strange.append(tag)
        for name, value in attributes:
            leads = name in ("href", "src", "action", "data-live") and not (value or "").startswith(
                ("/console", "?", "#")
            )
            if name.startswith("on") or name in ("style", "srcdoc") or leads:
                self.strange.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        """Keep what is shown."""
        self.text += data


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ids(service: Service, peer: SmtpPeer) -> AsyncIterator[list[str]]:
    """Have 500 texts come in as replies, and more from callers; yield the ids of the messages."""
    replies = joined(440, 500)
    given = texts(len(replies) * 2)
    found = []
    for number, reply in enumerate(replies):
        peer.script = {"rcpt": say(f"552 5.2.2 {reply}")}
        answer = await service.submit(
            f"h{number}@docomo.ne.jp", customer=given[2 * number][:100], challenge=given[2 * number + 1][:100]
        )
        assert answer.status_code == 202, answer.text
        found.append(answer.json()["id"])
        await service.outcome(found[-1])
    peer.script = {}
    yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def console(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    """Sign in."""
    async with signed_in(service) as client:
        yield client


async def test_texts_are_shown_as_text(service: Service, console: httpx2.AsyncClient, ids: list[str]) -> None:
    """On the page of each message and of its address, in the lists, and in a search that repeats what was sought."""
    pages = ["/messages", "/addresses", "", "/destinations", "/destinations/%3Cscript%3E"]
    for message_id in ids:
        pages += [f"/messages/{message_id}", f"/addresses/one?message={message_id}"]
    shown = ""
    for path in pages:
        answer = await console.get(f"/console{path}")
        assert answer.status_code == 200
        page = Page()
        page.feed(answer.text)
        assert page.strange == [], path
        shown += page.text
    for text in texts(14 * 4):
        assert text in shown, text
    sought = Page()
    sought.feed((await post(console, "/messages", sought='"><script>x</script>')).text)
    assert sought.strange == []
