"""Hostile values: template syntax, header injection, markup; each is printed as it is or refused."""

import dataclasses

import pytest

from mailsvc.templates import BrandError, Catalogue, Composer, check_bytes, check_context
from mailsvc.templates.markup import visible_words
from tests.support.mails import ACCEPTED, BRAND, PAGE, SENDER, TEXT, composer, message, parsed, words, write_folder

EXPRESSIONS = [
    *("7*7", "code", "brand", "self", "config", "''.__class__", "().__class__.__bases__", "cycler.__init__", "lipsum"),
    *("namespace()", "range(9)", "request", "[].append", "x|attr('__class__')", "code|list", "code|upper", "1/0"),
    *("''.format", "'%s'|format(code)", "dict(a=1)", "joiner", "g", "loop", "caller()", "super()"),
]
BRACKETS = ["{{%s}}", "{{-%s-}}", "{{%s|safe}}", "{%%%s%%}", "{%% print(%s) %%}", "{%% if %s %%}"]
BRACKETS += ["{%% raw %%}{{%s}}", "{#%s#}", "${%s}", "#{%s}", "<%%=%s%%>", "{%s}"]
#: Field injection by encoded words, folding and line ends of every kind (RELIABILITY.md 0.5).
HEADERS = [
    "=?utf-8?q?a=0D=0ABcc=3A_x=40y?=",
    "=?utf-8?b?YQ0KQmNjOiB4QHk=?=",
    *(f"a{end}Bcc: x" for end in ("\r\n", "\n", "\r", "\x85", "\u2028", "\u2029", "\x0b", "\0", "\r\n\t")),
]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Composer:
    """Return a composer whose login code has both parts."""
    text = TEXT.replace("{{ signature }}", "{% if environment %}\n{{ environment }}\n{% endif %}\n{{ signature }}")
    folder = tmp_path_factory.mktemp("company")
    return composer(write_folder(folder, ja__login_code__txt=text, ja__login_code__html=PAGE))


def test_payloads_are_three_hundred() -> None:
    """The product of brackets and expressions is the number the programme asks for (RELIABILITY A8)."""
    assert len({bracket % expression for bracket in BRACKETS for expression in EXPRESSIONS}) == 300


@pytest.mark.parametrize("bracket", BRACKETS)
def test_template_syntax_in_a_value_is_printed_literally(both: Composer, bracket: str) -> None:
    """A payload as context value is text in both parts, never run."""
    for payload in (bracket % expression for expression in EXPRESSIONS):
        text, page = parsed(both.compose(message({"environment": payload})).raw).iter_parts()
        assert payload in text.get_content().splitlines()
        assert f"ご利用環境：{payload}" in visible_words(page.get_content()).splitlines()


@pytest.mark.parametrize("expression", ["7*7", "code", "brand", "1/0"])
@pytest.mark.parametrize("bracket", BRACKETS)
def test_template_syntax_in_the_companys_lines_is_printed_literally(bracket: str, expression: str) -> None:
    """A payload as name of the company is text in Subject and body, never run."""
    payload = bracket % expression
    raw = composer(brand=dataclasses.replace(BRAND, name=payload)).preview("login_code", "ja", ACCEPTED)
    assert parsed(raw)["Subject"] == f"【{payload}】追加認証コードのお知らせ"
    assert payload in words(raw).splitlines()


@pytest.mark.parametrize("payload", HEADERS)
def test_header_injection_is_refused_where_a_value_enters(payload: str) -> None:
    """Neither a caller nor the configuration can hand in a value that a field could break at."""
    assert check_context(Catalogue.load()["login_code"], {"environment": payload})
    for field in ("name", "contact"):
        with pytest.raises(BrandError):
            dataclasses.replace(BRAND, **{field: payload})
    with pytest.raises(BrandError):
        composer(sender_name=payload)


@pytest.mark.parametrize("payload", HEADERS)
def test_header_injection_in_a_row_stays_in_the_body(payload: str) -> None:
    """Even a value that slipped past the API reaches no field: the mail has our ten and no more."""
    raw = composer().compose(message({"environment": payload.replace("@", "")})).raw
    check_bytes(raw, message(), SENDER)
    assert len(parsed(raw).keys()) == 10
    assert parsed(raw)["Bcc"] is None
