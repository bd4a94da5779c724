"""What pages say, and how they write numbers, times and the words of strangers."""

import math
import re
import string
from enum import StrEnum

import pytest

from mailsvc.checks.sender import Severity
from mailsvc.console import text
from mailsvc.console.page import MENU
from mailsvc.console.text import LANGUAGES, peer, seconds, share, visible, words
from mailsvc.domain.address_state import AddressState, Source, Strength
from mailsvc.domain.figures import Side
from mailsvc.domain.message import MessageState
from mailsvc.domain.outcome import Category
from mailsvc.domain.reply import Stage
from mailsvc.domain.report import Action as ReportAction
from mailsvc.domain.report import Kind, ReportState
from mailsvc.store.actions import Action

NAMED: list[tuple[str, type[StrEnum]]] = [
    ("category", Category),
    ("reason", Category),
    ("state", MessageState),
    ("told", MessageState),
    ("state_of_address", AddressState),
    ("told_of_address", AddressState),
    ("stage", Stage),
    ("side", Side),
    ("source", Source),
    ("strength", Strength),
    ("feedback", ReportAction),
    ("report_kind", Kind),
    ("report_state", ReportState),
    ("severity", Severity),
    ("done", Action),
]


def test_languages_have_the_same_words_with_the_same_values() -> None:
    """What one language says, the other says, and both name the same values."""
    ja, en = (words(language) for language in LANGUAGES)
    assert ja.keys() == en.keys()
    for name, said in ja.items():
        assert _fields(said) == _fields(en[name]), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_value_has_words(language: str) -> None:
    """No category, state or stage of the house is without its words."""
    known = words(language)
    for prefix, kind in NAMED:
        for member in kind:
            assert known[f"{prefix}.{member.value}"]
    assert all(known[f"menu.{name}"] for name, _ in MENU)


def test_japanese_pages_are_in_japanese() -> None:
    """All but names of things has Japanese characters."""
    names = {"part.dns", "part.tls", "source.dns", "menu.webhooks", "column.id"}
    foreign = [name for name, said in words("ja").items() if not re.search(r"[ぁ-んァ-ヶ一-龠]", said)]
    assert {name for name in foreign if not name.startswith("stage.")} == names


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "–"),
        (0.0, "0 ms"),
        (0.0449, "45 ms"),
        (0.5, "0.50 s"),
        (3.21, "3.2 s"),
        (59.9, "60 s"),
        (180.0, "3 min"),
        (7200.0, "2.0 h"),
        (math.inf, "> 300 s"),
    ],
)
def test_length_is_as_exact_as_it_matters(value: float | None, written: str) -> None:
    """Milliseconds to hours."""
    assert seconds(value, "en").replace("\xa0", " ") == written
    assert value is None or re.search("秒|分|時間", seconds(value, "ja"))


@pytest.mark.parametrize(
    ("value", "written"), [(None, "–"), (1.0, "100 %"), (0.9999, "99.9 %"), (0.5, "50.0 %"), (0.0, "0.0 %")]
)
def test_share_is_rounded_down(value: float | None, written: str) -> None:
    """Where one of ten thousand was late it is not 100 %."""
    assert share(value).replace("\xa0", " ") == written


def test_words_of_servers_are_masked_and_visible() -> None:
    """Addresses, six-digit numbers, and what turns or hides text do not come through."""
    shown = visible(peer("550 <taro@docomo.ne.jp> 042917 \u202egnp.exe\x1b[31m\u200b\x9b"))
    assert "taro@" not in shown
    assert "042917" not in shown
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200b\u202e]", shown)


def test_instant_is_japans() -> None:
    """The clock of the pages is UTC+9."""
    assert text.instant(0.0) == "1970-01-01 09:00:00"


def _fields(said: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(said) if field}
