"""What the customer reads: the four templates in both languages."""

import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailsvc.domain.secret import Secret
from mailsvc.templates import LOCALES, Catalogue
from mailsvc.templates.layout import COLUMNS, clock, width, wrap
from tests.support.environment import FULL_RUN
from tests.support.mails import ACCEPTED, BRAND, composer, message, parsed, words

CATALOGUE = Catalogue.load()
EVERY = [(name, locale) for name in CATALOGUE for locale in LOCALES]
CODES = [(name, locale) for name, locale in EVERY if CATALOGUE[name].is_code]


def sample(name: str, locale: str) -> str:
    return words(composer().preview(name, locale, ACCEPTED))


def test_catalogue_holds_the_contracts_four_templates() -> None:
    """The names, the kind, the life and the declared variables are those of CONTRACT 3.1."""
    assert {name: (t.is_code, t.life, set(t.variables), t.locales) for name, t in CATALOGUE.items()} == {
        "login_code": (True, 300.0, {"environment"}, ("ja", "en")),
        "login_code_reissued": (True, 300.0, {"environment"}, ("ja", "en")),
        "address_confirmation": (True, 300.0, set(), ("ja", "en")),
        "address_changed": (False, 86400.0, {"changed_at"}, ("ja", "en")),
    }


@pytest.mark.parametrize(("name", "locale"), EVERY)
def test_every_line_fits_28_full_width_characters(name: str, locale: str) -> None:
    """No line is wider than 56 columns, and the text stays in JIS X 0208 (JAPAN.md 3)."""
    text = sample(name, locale)
    assert max(width(line) for line in text.splitlines()) <= COLUMNS
    text.encode("iso2022_jp")


@pytest.mark.parametrize(("name", "locale"), EVERY)
def test_mail_has_no_link_and_nobodys_address(name: str, locale: str) -> None:
    """Neither URL nor @ nor the customer stands in the text or the Subject."""
    mail = parsed(composer().preview(name, locale, ACCEPTED))
    shown = f"{mail['Subject']}\n{mail.get_content()}"
    assert not re.search(r"https?:|www\.|://|@|\.jp|customer", shown, re.IGNORECASE)


@pytest.mark.parametrize(("name", "locale"), EVERY)
def test_mail_ends_with_the_companys_lines(name: str, locale: str) -> None:
    """Name, registration, associations and contact are printed, wrapped where they are long."""
    unwrapped = sample(name, locale).replace("\n", "")
    assert all(value.replace(" ", "") in unwrapped.replace(" ", "") for value in dataclasses.asdict(BRAND).values())


@pytest.mark.parametrize(("name", "locale"), CODES)
def test_code_stands_once_on_its_own_line(name: str, locale: str) -> None:
    """The one six-digit number is the code, behind its label, and the Subject has no digit."""
    mail = parsed(composer().preview(name, locale, ACCEPTED))
    label = {"ja": "認証コード：", "en": "Verification code: "}[locale]
    assert mail.get_content().splitlines().count(f"{label}042917") == 1
    assert re.findall(r"\d{6,}", mail.get_content()) == ["042917"]
    assert not re.search(r"\d", mail["Subject"])


def test_notice_has_no_six_digits() -> None:
    """The notice of a changed address carries no code."""
    assert not any(re.search(r"\d{6}", sample("address_changed", locale)) for locale in LOCALES)


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("ja", ["有効期限：2026年11月23日 10時20分42秒", "受付日時：2026年11月23日 10時15分42秒", "受付番号：K4HW"]),
        ("en", ["Valid until: 23 November 2026, 10:20:42 (Japan time)", "Received at: 23 November 2026, 10:15:42"]),
    ],
)
def test_times_are_japans_clock(locale: str, expected: list[str]) -> None:
    """Expiry and acceptance are clock times in Japan, the receipt number stands by them."""
    lines = words(composer().compose(message(locale=locale)).raw).splitlines()
    assert [line for line in expected if line not in lines] == []


@pytest.mark.parametrize(
    ("at", "shown"), [(1000.999_999_9, "9時16分40秒"), (1001.0, "9時16分41秒"), (0.5, "9時00分00秒")]
)
def test_clock_is_cut_to_the_second_never_later_than_the_instant(at: float, shown: str) -> None:
    """An expiry is never shown later than it is."""
    assert clock(at, "ja") == f"1970年1月1日 {shown}"


@pytest.mark.parametrize(
    ("name", "context", "line"),
    [
        ("login_code", {"environment": "Windows / Chrome"}, "ご利用環境：Windows / Chrome"),
        ("login_code_reissued", {"environment": "iOS / Safari"}, "ご利用環境：iOS / Safari"),
        ("address_changed", {"changed_at": "2026年11月23日"}, "変更日時：2026年11月23日"),
    ],
)
def test_optional_line_is_there_only_when_given(name: str, context: dict[str, str], line: str) -> None:
    """A declared variable that the caller leaves out leaves no line behind."""
    make = composer()
    fields = {"template": name, "is_code": name != "address_changed", "code": Secret("731946")}
    assert line in words(make.compose(message(context, **fields)).raw)
    assert line.partition("：")[0] not in words(make.compose(message(**fields)).raw)


def test_reissued_code_says_that_earlier_ones_are_void() -> None:
    """The reissue tells the customer what became of the earlier mail."""
    assert "以前にお送りした認証コードは無効となりました。" in sample("login_code_reissued", "ja")
    assert "no longer valid" in sample("login_code_reissued", "en")


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("あ" * 28, ["あ" * 28]),
        ("あ" * 29, ["あ" * 28, "あ"]),
        ("あ" * 27 + "い。", ["あ" * 27, "い。"]),
        ("あ" * 27 + "（い）", ["あ" * 27, "（い）"]),
        ("あ" * 24 + "0120-000-000", ["あ" * 24, "0120-000-000"]),
        ("word " * 12, ["word " * 10 + "word", "word "]),
        ("x" * 100, ["x" * 40, "x" * 40, "x" * 20]),
    ],
)
def test_wrap_long_line_breaks_where_japanese_may_break(line: str, rows: list[str]) -> None:
    """Words and numbers stay whole and no line begins with a closing mark (kinsoku)."""
    assert wrap(line) == "".join(f"{row}\r\n" for row in rows)


@settings(max_examples=20_000 if FULL_RUN else 500)
@given(st.text(st.sampled_from("あ漢ｱ（）「」。、ー○ aA09-.\n"), max_size=200))
def test_wrap_any_text_loses_nothing_and_fits(text: str) -> None:
    """However a text is made, only blanks are lost, every row fits, and every line ends with CR LF."""
    wrapped = wrap(text)
    assert all(width(row) <= COLUMNS for row in wrapped.split("\r\n"))
    assert wrapped.endswith("\r\n")
    assert "".join(wrapped.split()) == "".join(text.split())
