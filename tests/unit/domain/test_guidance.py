"""What the login screen may say: every state, category and kind of mailbox (CONTRACT 3.5)."""

import itertools
import re

import pytest

from mailsvc.domain.address_state import AddressState
from mailsvc.domain.guidance import LENGTH_MAX, Guide
from mailsvc.domain.mail_kind import MailKind, mail_kind
from mailsvc.domain.outcome import Category

SENDER = "mail.jtg-sec.co.jp"
GUIDE = Guide(SENDER)
#: A domain of each kind.
DOMAINS = {
    MailKind.DOCOMO: "docomo.ne.jp",
    MailKind.AU: "ezweb.ne.jp",
    MailKind.SOFTBANK: "i.softbank.jp",
    MailKind.OTHER_CARRIER: "yahoo.ne.jp",
    MailKind.WEBMAIL: "gmail.com",
    MailKind.ISP: "nifty.com",
    MailKind.COMPANY: "example.co.jp",
}
EVERY = list(itertools.product(AddressState, [None, *Category], DOMAINS.values()))
#: How each of the five causes is recognised.
CAUSES = {
    "filter": ("受信設定（指定受信など）|受信リスト|受信許可リスト", "mail settings|受信リスト|受信許可リスト"),
    "address": ("誤りや変更がないか", "check your registered address"),
    "junk": ("迷惑メールフォルダー", "junk folder"),
    "security": ("セキュリティソフト|管理部門", "security software|administrator"),
    "full": ("空き容量", "mailbox is not full"),
}


def causes(text: str, language: int) -> list[str]:
    """Return the causes that a text names, in their order."""
    found = {name: re.search(patterns[language], text) for name, patterns in CAUSES.items()}
    return sorted((name for name, match in found.items() if match), key=lambda name: found[name].start())  # type: ignore[union-attr]


@pytest.mark.parametrize("sender", [SENDER, "mail.example.jp", "a" * 60 + ".example.co.jp", ".".join(["b" * 60] * 4)])
def test_every_case_has_short_texts_of_both_languages(sender: str) -> None:
    """There is always something to show, in whole sentences, of a length that a screen has room for."""
    for case in EVERY:
        texts = Guide(sender)(*case)
        assert set(texts) == {"ja", "en"}
        assert texts["ja"].endswith("。"), case
        assert texts["en"].endswith((".", "?")), case
        assert all(0 < len(text) <= LENGTH_MAX for text in texts.values()), case


def test_text_names_no_recipient_no_code_and_no_placeholder() -> None:
    """The reader may be anybody: no domain but ours, nothing that looks like a code, nothing left unfilled."""
    for case in EVERY:
        for text in GUIDE(*case).values():
            assert not re.search(r"[0-9]{2}|[{}]|  |。。|https?:", text), text
            assert case[2] not in text
            assert "@" not in re.sub(rf"@{SENDER}|「@」|the @", "", text)


def test_japanese_is_written_with_characters_that_every_screen_has() -> None:
    """JIS X 0208 and ASCII, no half-width forms; every sentence is polite."""
    for case in EVERY:
        text = GUIDE(*case)["ja"]
        text.replace(SENDER, "").encode("iso2022_jp")
        for sentence in text.split("。")[:-1]:
            assert re.search(r"(ください|いたします|ございます|ません|ませんでした|られます)$", sentence), sentence


ORDER = {
    MailKind.DOCOMO: "filter junk full address security",
    MailKind.AU: "filter junk full address security",
    MailKind.SOFTBANK: "filter junk full address security",
    MailKind.OTHER_CARRIER: "filter junk full address security",
    MailKind.WEBMAIL: "junk address full filter security",
    MailKind.ISP: "security full address junk filter",
    MailKind.COMPANY: "security junk address full filter",
}


@pytest.mark.parametrize("kind", MailKind)
@pytest.mark.parametrize("state", [AddressState.UNKNOWN, AddressState.DELIVERABLE])
def test_address_without_evidence_gets_all_five_causes_by_its_kind(state: AddressState, kind: MailKind) -> None:
    """Where nobody said why, the likeliest cause for such a mailbox comes first, and none is left out."""
    texts = GUIDE(state, None, DOMAINS[kind])
    assert causes(texts["ja"], 0) == causes(texts["en"], 1) == ORDER[kind].split()


BY_EVIDENCE = [
    (AddressState.MAILBOX_FULL, Category.MAILBOX_FULL, "不要なメールを削除", "mailbox is full"),
    (AddressState.REFUSED, Category.RECIPIENT_REFUSED, "受信設定により", "refused our mail"),
    (AddressState.SUSPECT, Category.USER_UNKNOWN, "宛先が見つからない", "was not found"),
    (AddressState.SUSPECT, Category.DOMAIN_UNKNOWN, "「@」より後ろ", "part after the @"),
    (AddressState.SUSPECT, Category.MAILBOX_DISABLED, "利用停止中の可能性", "may be suspended"),
    (AddressState.SUSPECT, Category.UNKNOWN_OR_REFUSED, "受信拒否の設定、またはメールアドレスの誤り", "may refuse it"),
    (AddressState.UNDELIVERABLE, Category.USER_UNKNOWN, "変更手続きをお願いいたします", "address changed"),
    (AddressState.UNDELIVERABLE, Category.DOMAIN_UNKNOWN, "変更手続きをお願いいたします", "mail service has ended"),
    (AddressState.COMPLAINED, Category.COMPLAINT, "迷惑メールとして報告された", "reported as spam"),
]


@pytest.mark.parametrize(("state", "category", "ja", "en"), BY_EVIDENCE)
def test_evidence_comes_first(state: AddressState, category: Category, ja: str, en: str) -> None:
    """What is known is said before what to do, whoever runs the mailbox."""
    for domain in DOMAINS.values():
        texts = GUIDE(state, category, domain)
        assert ja in texts["ja"]
        assert en in texts["en"]


def test_double_meaning_names_both_causes() -> None:
    """Docomo and au say one text for two reasons: the filter first, under the name that it has there."""
    texts = GUIDE(AddressState.SUSPECT, Category.UNKNOWN_OR_REFUSED, "docomo.ne.jp")
    assert causes(texts["ja"], 0) == ["filter", "address"]
    assert f"「受信リスト設定」に「{SENDER}」" in texts["ja"]
    assert "受信許可リスト" in GUIDE(AddressState.REFUSED, None, "softbank.ne.jp")["ja"]


@pytest.mark.parametrize(
    ("domain", "kind"),
    [
        *((domain, kind) for kind, domain in DOMAINS.items()),
        ("DoCoMo.NE.jp", MailKind.DOCOMO),
        ("biz.ezweb.ne.jp", MailKind.AU),
        ("au.com", MailKind.AU),
        ("d.vodafone.ne.jp", MailKind.SOFTBANK),
        ("jp-q.ne.jp", MailKind.SOFTBANK),
        ("ymobile.ne.jp", MailKind.OTHER_CARRIER),
        ("uqmobile.jp", MailKind.OTHER_CARRIER),
        ("yahoo.co.jp", MailKind.WEBMAIL),
        ("abc.dion.ne.jp", MailKind.ISP),
        ("notdocomo.ne.jp", MailKind.COMPANY),
        ("docomo.ne.jp.example", MailKind.COMPANY),
        ("jp", MailKind.COMPANY),
    ],
)
def test_kind_follows_from_the_domain(domain: str, kind: MailKind) -> None:
    """A sub-domain counts as its parent, a look-alike does not; yahoo.ne.jp is no yahoo.co.jp."""
    assert mail_kind(domain) is kind
