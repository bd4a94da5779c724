"""What the registration form may say."""

import re

import pytest

from mailsvc.checks.wording import advice, message
from mailsvc.domain.check import Reason, ReasonCode, Severity

SENDER = "mail.jtg-sec.co.jp"
EVERY = [
    *(Reason(code, Severity.WARN) for code in ReasonCode),
    Reason(ReasonCode.DISCONTINUED_DOMAIN, Severity.REJECT),
]
MEANT = "taro@docomo.ne.jp"
DOMAINS = ["docomo.ne.jp", "ezweb.ne.jp", "softbank.ne.jp", "y-mobile.ne.jp", "rakumail.jp", "yahoo.co.jp", "gmail.com"]
DOMAINS += ["yahoo.ne.jp", "icloud.com", "outlook.jp", "aol.com", "nifty.com", "kaisha.co.jp", "xn--wgv71a.jp"]
ENDINGS_JA = r"(ください|いたします|ございます|いただけます|ません|ません(か|でした)|です|ます|ました)$"


@pytest.mark.parametrize("reason", EVERY, ids=lambda reason: f"{reason.code}-{reason.severity}")
@pytest.mark.parametrize("suggestions", [(), (MEANT,)])
def test_every_reason_has_short_polite_texts(reason: Reason, suggestions: tuple[str, ...]) -> None:
    """Both languages, whole sentences, room on a telephone, no characters that some screens lack."""
    said = message(reason, suggestions=suggestions, domain="plala.or.jp")
    assert set(said) == {"ja", "en"}
    assert re.fullmatch(r"[A-Z][ -~]*[.?]", said["en"])
    assert said["ja"].endswith("。")
    assert len(said["ja"].replace(MEANT, "")) <= 60
    said["ja"].encode("iso2022_jp")
    assert all(re.search(ENDINGS_JA, sentence) for sentence in said["ja"].split("。")[:-1]), said["ja"]


def test_texts_say_different_things() -> None:
    """A text that stood for two reasons would be wrong for one."""
    texts = [message(reason)["ja"] for reason in EVERY]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("code", ReasonCode)
def test_suggestion_is_named_where_it_answers_the_reason(code: ReasonCode) -> None:
    """An address that is full is not answered by another one."""
    said = message(Reason(code, Severity.WARN), suggestions=(MEANT,))
    answered = code in {"syntax", "smtputf8_local", "typo_domain", "trap_domain"}
    assert (MEANT in said["ja"]) == (MEANT in said["en"]) == answered


def test_two_suggestions_are_both_asked_about() -> None:
    """softbank.jp may be either; a brace in an address is nothing but a brace."""
    said = message(Reason(ReasonCode.TYPO_DOMAIN, Severity.WARN), suggestions=("{0}@i.softbank.jp", "b@softbank.ne.jp"))
    assert said["ja"] == "「{0}@i.softbank.jp」または「b@softbank.ne.jp」ではありませんか。"
    assert "Did you mean {0}@i.softbank.jp or b@softbank.ne.jp?" in said["en"]


def test_end_of_a_service_is_told_with_its_day() -> None:
    """Where it is known; in the calendar that everybody reads."""
    ending = Reason(ReasonCode.ENDING_DOMAIN, Severity.WARN)
    assert "2028年3月31日に終了予定です。" in message(ending, domain="White.PLALA.or.jp")["ja"]
    assert "2028-03-31" in message(ending, domain="plala.or.jp")["en"]
    assert "終了が予定されています" in message(ending, domain="kaisha.co.jp")["ja"]


@pytest.mark.parametrize("domain", DOMAINS)
def test_advice_names_our_domain_and_the_setting(domain: str) -> None:
    """What the customer has to allow, in whole sentences; the address itself is not repeated."""
    said = advice(domain.upper(), SENDER)
    assert set(said) == {"ja", "en"}
    for text in said.values():
        assert SENDER in text
        assert not re.search(r"[{}]|  |。。", text)
        assert domain not in text
    assert re.search(r"(ください|いたします)。$", said["ja"])
    said["ja"].encode("iso2022_jp")


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ("docomo.ne.jp", "ドコモメールの「受信リスト設定」"),
        ("au.com", "「受信リスト設定」"),
        ("i.softbank.jp", "「受信許可リスト」"),
        ("ymobile.ne.jp", "「受信許可リスト」"),
        ("rakumail.jp", "受信設定"),
        ("yahoo.co.jp", "Yahoo!メールの「フィルター」"),
        ("yahoo.ne.jp", "Yahoo!メールの「フィルター」"),
        ("gmail.com", "迷惑メールにしない"),
        ("icloud.com", "「連絡先」"),
        ("hotmail.co.jp", "信頼できる差出人とドメイン"),
        ("aol.com", "迷惑メールフォルダー"),
        ("ocn.ne.jp", "プロバイダ"),
        ("kaisha.co.jp", "管理部門"),
    ],
)
def test_advice_is_in_the_words_of_the_mail_service(domain: str, words: str) -> None:
    """The names that the settings have there."""
    assert words in advice(domain, SENDER)["ja"]
