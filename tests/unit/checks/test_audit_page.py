"""The summary page: right numbers, words for every reason in both languages, nothing that runs, no address."""

import base64
import hashlib
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from mailsvc.checks.audit import tally as tally_module
from mailsvc.checks.audit.page import About, render, share
from mailsvc.checks.audit.tally import Answer, Tally
from mailsvc.domain.check import ReasonCode, Verdict

ABOUT = About(list="名簿<2026>.csv", finished=datetime(2026, 11, 25, 19, 30, tzinfo=UTC), encoding="UTF-8", dns=True)


def answer(domain: str | None, *reasons: ReasonCode, verdict: Verdict = Verdict.OK) -> Answer:
    """Return an answer about an address nobody shall see."""
    return Answer(
        verdict=verdict,
        reasons=reasons,
        suggestions=("secret@mail.example",),
        wire="taro-yamada@mail.example",
        domain=domain,
        empty=domain is None,
    )


def tallied(*answers: Answer) -> Tally:
    """Count answers."""
    tally = Tally()
    for one in answers:
        tally.add(one, odd=False)
    return tally


class Reader(HTMLParser):
    """Collects the words and the elements of a page, and sees that each element ends where it should."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.elements: set[str] = set()
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Refuse what could run or fetch."""
        self.elements.add(tag)
        if tag not in self.VOID:
            self._open.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("style", "src", "href")]

    def handle_endtag(self, tag: str) -> None:
        """See that it is the newest open one."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the words."""
        if data.strip():
            self.cells.append(data.strip())


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_page_is_whole_for_every_reason(locale: str) -> None:
    """Each reason has its words in both languages, and nothing on the page runs or is fetched."""
    tally = tallied(*(answer("mail.example", code, verdict=Verdict.WARN) for code in ReasonCode))
    page = render(tally, ABOUT, locale)
    reader = Reader(page)
    assert reader.elements.isdisjoint({"script", "a", "img", "link", "form", "iframe"})
    assert f'<html lang="{locale}">' in page
    assert all(code in reader.cells for code in ReasonCode)
    assert all(verdict in reader.cells for verdict in Verdict)


def test_page_has_no_address() -> None:
    """Neither addresses of the list nor suggestions are on the page."""
    page = render(tallied(answer("mail.example", ReasonCode.TYPO_DOMAIN, verdict=Verdict.WARN)), ABOUT, "ja")
    assert "yamada" not in page
    assert "secret" not in page
    assert "@" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL).replace("info@", "").replace("@の", "")


def test_policy_of_the_page_allows_its_own_style_only() -> None:
    """The content security policy names the digest of the style, and forbids everything else."""
    page = render(tallied(), ABOUT, "ja")
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"content=\"default-src 'none'; style-src 'sha256-{digest}'\"" in page


def test_names_from_outside_are_escaped() -> None:
    """Neither the name of the file nor a domain can bring its own elements."""
    page = render(tallied(answer("x<svg onload=alert(1)>.example", verdict=Verdict.WARN)), ABOUT, "ja")
    assert "名簿&lt;2026&gt;.csv" in page
    assert "<svg onload" not in page
    Reader(page)


def test_numbers_of_the_page_are_those_of_the_tally() -> None:
    """Counts have separators and shares; the bars are as wide as the shares; the most come first."""
    answers = [answer("big.example")] * 1500 + [
        answer("big.example", ReasonCode.DNS_TEMPORARY, verdict=Verdict.UNKNOWN),
        *[answer("bad.example", ReasonCode.NULL_MX, verdict=Verdict.REJECT)] * 499,
    ]
    tally = tallied(*answers)
    page = render(tally, ABOUT, "en")
    cells = Reader(page).cells
    assert cells[cells.index("null_mx") + 1 :][:2] == ["499", "24.9%"]
    assert cells[cells.index("dns_temporary") + 1 :][:2] == ["1", "<0.1%"]
    assert '<rect class="reject" x="0" width="249.50" height="10">' in page
    assert [count.domain for count in tally.largest(5)] == ["big.example", "bad.example"]
    assert [(count.domain, count.not_ok) for count in tally.worst(5)] == [("bad.example", 499), ("big.example", 1)]
    assert cells[cells.index("bad.example") + 1 :][:3] == ["499", "499", "100%"]
    assert "2,000" in cells


def test_empty_list_has_a_page() -> None:
    """A list without a row is a list, too."""
    assert "0%" in Reader(render(tallied(), ABOUT, "ja")).cells


def test_domains_beyond_the_limit_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Domains beyond the limit are not counted one by one, and the page says so; the others are exact."""
    monkeypatch.setattr(tally_module, "DOMAINS_MAX", 2)
    tally = tallied(*(answer(domain) for domain in ("a.example", "b.example", "c.example", "a.example", "d.example")))
    assert [(count.domain, count.rows) for count in tally.largest(9)] == [("a.example", 2), ("b.example", 1)]
    assert (tally.rows, tally.uncounted) == (5, 2)
    cells = Reader(render(tally, ABOUT, "en")).cells
    assert (
        cells[cells.index("Addresses left out of the numbers by domain, because there are too many domains") + 1] == "2"
    )


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 0, "0%"),
        (0, 9, "0%"),
        (9, 9, "100%"),
        (1, 3, "33.3%"),
        (1, 1_000_000, "<0.1%"),
        (1, 1000, "0.1%"),
        (999_999, 1_000_000, ">99.9%"),
        (999, 1000, "99.9%"),
    ],
)
def test_share_is_never_rounded_to_none_or_all(part: int, whole: int, shown: str) -> None:
    """A share says 0 or 100 per cent only where that is so."""
    assert share(part, whole) == shown
