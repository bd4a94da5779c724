"""What callers and operators may have printed in a mail."""

import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailsvc.templates import Brand, BrandError, Catalogue, check_context
from mailsvc.templates.rules import part_problem
from tests.support.environment import FULL_RUN
from tests.support.mails import BRAND, composer, message, words

COMPOSER = composer()
LOGIN = Catalogue.load()["login_code"]

REFUSED = [
    ("", "is empty"),
    (" 　", "is empty"),
    ("see http:foo", "looks like a URL"),
    ("HTTPS://EVIL", "looks like a URL"),
    ("ｈｔｔｐ：／／ｅｖｉｌ", "looks like a URL"),
    ("www.evil", "looks like a URL"),
    ("visit evil.example", "looks like a URL"),
    ("ｅｖｉｌ．ｃｏｍ", "looks like a URL"),
    ("<a href=x>", "looks like a URL"),
    ("<img src=x>", "looks like a URL"),
    ("taro@home", "has an @"),
    ("taro＠home", "has an @"),
    ("PC 123456", "has six digits in a row"),
    ("１２３４５６", "has six digits in a row"),
    ("①②③④⑤⑥", "has six digits in a row"),
    ("٠١٢٣٤٥", "has six digits in a row"),
    ("12³456", "has six digits in a row"),
    ("=?utf-8?q?a=0D=0Ab?=", "has =?, which begins an encoded word"),
    *((f"a{char}b", "has a control character or an invisible character") for char in "\r\n\0\t\x0b\x7f\x85"),
    *(
        (f"a{char}b", "has a control character or an invisible character")
        for char in "\u2028\u2029\u200b\u202e\u2066\ufeff"
    ),
    ("a\ud800b", "has a control character or an invisible character"),
]


@pytest.mark.parametrize(("value", "problem"), REFUSED)
def test_context_value_that_could_mislead_is_refused(value: str, problem: str) -> None:
    """URL, @, six digits of any script, control and invisible characters and encoded words are named, never echoed."""
    assert check_context(LOGIN, {"environment": value}) == [("environment", problem)]


@pytest.mark.parametrize(("value", "problem"), REFUSED)
def test_brand_value_that_could_mislead_is_refused(value: str, problem: str) -> None:
    """The company's lines are held to the rules of a caller's, in every field."""
    for field in dataclasses.fields(Brand):
        with pytest.raises(BrandError, match=f"^{field.name} {re.escape(problem)}$"):
            dataclasses.replace(BRAND, **{field.name: value})


@pytest.mark.parametrize(
    "value", ["Windows / Chrome", "iPad OS 17.4 Safari", "社内パソコン", "Ubuntu – Café", "x" * 40, "10.0.0.1"]
)
def test_context_value_that_is_harmless_passes(value: str) -> None:
    """Versions, Japanese and any visible character may be given, up to 40 characters."""
    assert check_context(LOGIN, {"environment": value}) == []


@pytest.mark.parametrize(
    ("context", "problems"),
    [
        ({}, []),
        ({"environment": "x" * 41}, [("environment", "is longer than 40 characters")]),
        ({"environment": 5}, [("environment", "is not a string")]),
        ({"environment": None}, [("environment", "is not a string")]),
        ({"brand": "x", "environment": "ok"}, [("brand", "is not a variable of this template")]),
        ({"code": "x", "signature": "y"}, [(n, "is not a variable of this template") for n in ("code", "signature")]),
    ],
)
def test_context_is_held_to_the_declared_variables(context: dict[str, object], problems: list[tuple[str, str]]) -> None:
    """Every wrong entry is named with its problem."""
    assert check_context(LOGIN, context) == problems


@pytest.mark.parametrize(
    ("field", "value", "words_of_error"),
    [
        ("name", "あ" * 29, "longer than 28"),
        ("contact", "あ" * 121, "longer than 120"),
        ("contact", "平日 9:00～17:00", "U\\+FF5E.*write 〜"),
        ("name", "髙島証券", "髙 \\(U\\+9AD9\\), which is not in JIS X 0208"),
        ("associations", "🏦協会", "not in JIS X 0208"),
    ],
)
def test_brand_value_outside_the_house_is_named(field: str, value: str, words_of_error: str) -> None:
    """Length and character set are refused with the character and what to write instead."""
    with pytest.raises(BrandError, match=f"^{field} .*{words_of_error}"):
        dataclasses.replace(BRAND, **{field: value})


@pytest.mark.parametrize(
    ("sender", "name", "problem"),
    [
        ("no-reply", "見本証券", "sender has no @"),
        ("a@b.example\r\nBcc: x@y.example", "見本証券", "sender has "),
        ("no-reply@mail.example.jp", "a=?utf-8?q?b?=", "sender_name has =\\?"),
        ("no-reply@mail.example.jp", "見本証券\r\nBcc: x", "sender_name has a control"),
    ],
)
def test_sender_that_could_inject_is_refused_at_start(sender: str, name: str, problem: str) -> None:
    """The From field is checked before the first mail."""
    with pytest.raises(BrandError, match=f"^{problem}"):
        composer(sender=sender, sender_name=name)


@pytest.mark.parametrize(
    ("part", "allowed"),
    [
        ("x 731946 x", True),
        ("x", False),
        ("7319461", False),
        ("0731946", False),
        ("731946 731946", False),
        ("731947", False),
    ],
)
def test_part_has_the_code_alone_and_once(part: str, *, allowed: bool) -> None:
    """A code within a longer number, twice, or another in its place is refused in every mail."""
    assert (part_problem(part.encode(), "731946") is None) == allowed


@settings(max_examples=20_000 if FULL_RUN else 1_000)
@given(st.text(st.characters(exclude_categories=()), max_size=45))
def test_accepted_value_is_printed_as_it_is(value: str) -> None:
    """Whatever passes the check makes a mail that shows it literally; whatever is refused is refused in words."""
    problems = check_context(LOGIN, {"environment": value})
    if not problems:
        text = words(COMPOSER.compose(message({"environment": value})).raw)
        assert value.replace(" ", "") in text.replace("\n", "").replace(" ", "")
    else:
        assert all(problem.startswith(("is ", "has ", "looks ")) for _, problem in problems)
