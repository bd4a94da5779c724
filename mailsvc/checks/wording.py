"""What the registration form may say: of each reason, and of the settings of the mailbox, in Japanese and English.

Short and polite, and always what to do. Repeats of the address only what is suggested, which is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mailsvc.checks.lists import last_day
from mailsvc.domain.check import Reason, ReasonCode, Severity
from mailsvc.domain.guidance import allowing


@dataclass(frozen=True, slots=True)
class _Words:
    ja: str
    en: str


_WORDS = {
    ReasonCode.SYNTAX: _Words(
        "メールアドレスの形式が正しくありません。入力内容をご確認ください。",
        "This is not a valid e-mail address. Please check it.",
    ),
    ReasonCode.NORMALIZED: _Words(
        "全角文字や余分な空白などを修正しました。表示のメールアドレスをご確認ください。",
        "Full-width characters, blanks or the like were corrected. Please check the address shown.",
    ),
    ReasonCode.NONCONFORMING_LOCAL: _Words(
        "「.」の位置により、メールが届きにくい場合がございます。可能であれば別のアドレスをご登録ください。",
        "Mail may not reach this address because of where its dots are. Please use another one if you can.",
    ),
    ReasonCode.SMTPUTF8_LOCAL: _Words(
        "「@」より前に全角文字や日本語はご利用いただけません。半角英数字でご入力ください。",
        "The part before the @ has characters that cannot be used. Please use plain letters and digits.",
    ),
    ReasonCode.TYPO_DOMAIN: _Words(
        "「@」より後ろに誤りがないかご確認ください。",
        "Please check the part after the @.",
    ),
    ReasonCode.TRAP_DOMAIN: _Words(
        "「@」より後ろに誤りがあります。正しいメールアドレスをご入力ください。",
        "The part after the @ is wrong. Please correct it.",
    ),
    ReasonCode.DISCONTINUED_DOMAIN: _Words(
        "このメールサービスは終了しています。別のメールアドレスをご登録ください。",
        "This mail service has ended. Please use another address.",
    ),
    ReasonCode.ENDING_DOMAIN: _Words(
        "このメールサービスは終了が予定されています。別のメールアドレスのご登録をお願いいたします。",
        "This mail service is going to end. Please use another address.",
    ),
    ReasonCode.DISPOSABLE_DOMAIN: _Words(
        "一時的なメールアドレスのようです。継続してお使いになるアドレスをご登録ください。",
        "This seems to be a temporary address. Please use one that you keep.",
    ),
    ReasonCode.ROLE_ACCOUNT: _Words(
        "複数の方がご覧になるアドレスのようです。ご本人だけが受信できるアドレスをお勧めいたします。",
        "Several people seem to read this mailbox. We recommend an address that only you can read.",
    ),
    ReasonCode.NO_SUCH_DOMAIN: _Words(
        "「@」より後ろのドメインが見つかりません。誤りがないかご確認ください。",
        "The domain after the @ does not exist. Please check it.",
    ),
    ReasonCode.NULL_MX: _Words(
        "「@」より後ろのドメインはメールを受信していません。別のメールアドレスをご登録ください。",
        "The domain after the @ takes no mail. Please use another address.",
    ),
    ReasonCode.NO_MAIL_HOST: _Words(
        "「@」より後ろのドメインではメールを受信できません。誤りがないかご確認ください。",
        "The domain after the @ cannot receive mail. Please check it.",
    ),
    ReasonCode.MAIL_HOST_NOT_PUBLIC: _Words(
        "「@」より後ろのドメインには外部からメールを送信できません。別のメールアドレスをご登録ください。",
        "The domain after the @ cannot be reached from outside. Please use another address.",
    ),
    ReasonCode.DNS_TEMPORARY: _Words(
        "メールを受信できるか、ただいま確認できません。誤りがなければ、このままお進みください。",
        "We cannot check this address at present. Please go on if it is right.",
    ),
    ReasonCode.KNOWN_UNDELIVERABLE: _Words(
        "このアドレスには最近メールをお届けできませんでした。誤りがないかご確認ください。",
        "Our mail could not be delivered to this address lately. Please check it.",
    ),
    ReasonCode.KNOWN_FULL: _Words(
        "このアドレスのメールボックスは容量が不足していました。空き容量をご確認ください。",
        "The mailbox of this address was full lately. Please make sure that it has room.",
    ),
}
#: While the domain still has a mail host.
_SAID_TO_HAVE_ENDED = _Words(
    "このメールサービスは終了したと案内されています。受信できるかご確認ください。",
    "This mail service is said to have ended. Please make sure that you still receive mail.",
)
#: The reasons that a suggestion answers.
_ANSWERED = {ReasonCode.SYNTAX, ReasonCode.SMTPUTF8_LOCAL, ReasonCode.TYPO_DOMAIN, ReasonCode.TRAP_DOMAIN}

_COMES_FROM = _Words("認証コードは「{domain}」からお送りいたします。", "Codes are sent from {domain}. ")
_YAHOO = _Words(
    "Yahoo!メールの「フィルター」で、「{domain}」からのメールを受信箱に振り分けるようご設定ください。",
    "Please set up a filter in Yahoo! Mail that keeps its mail in the inbox.",
)
_ICLOUD = _Words(
    "差出人を「連絡先」にご登録のうえ、「迷惑メール」フォルダもご確認ください。",
    "Please add the sender to your contacts, and look in the Junk folder as well.",
)
_OUTLOOK = _Words(
    "Outlookの「信頼できる差出人とドメイン」に「{domain}」をご登録ください。",
    "Please add {domain} to Safe senders and domains in Outlook.",
)
_GMAIL = _Words(
    "Gmailの「フィルタ」で、「{domain}」からのメールを「迷惑メールにしない」にご設定ください。",
    "Please set up a filter in Gmail that never sends its mail to Spam.",
)
_YMOBILE = _Words(
    "迷惑メール対策の「受信許可リスト」に「{domain}」をご登録ください。",
    "Please add {domain} to 受信許可リスト in your spam filter.",
)
#: The names that the settings have where the service is known; elsewhere they follow the kind of mailbox.
_SETTINGS = {
    domain: words
    for words, domains in (
        (_GMAIL, "gmail.com googlemail.com"),
        (_YAHOO, "yahoo.co.jp ymail.ne.jp yahoo.ne.jp"),
        (_ICLOUD, "icloud.com me.com mac.com"),
        (_OUTLOOK, "outlook.jp outlook.com hotmail.co.jp hotmail.com live.jp live.com msn.com"),
        (_YMOBILE, "ymobile.ne.jp y-mobile.ne.jp"),
    )
    for domain in domains.split()
}


def message(reason: Reason, *, suggestions: Sequence[str] = (), domain: str = "") -> dict[str, str]:
    """Return the text of each language.

    The suggestions are named where they answer the reason; ``domain`` (ASCII) gives the end of a service its day.
    """
    words = _words(reason, domain.lower())
    if not suggestions or reason.code not in _ANSWERED:
        return {"ja": words.ja, "en": words.en}
    meant = "」または「".join(suggestions)
    first = words.ja.partition("。")[0]
    asked = f"「{meant}」ではありませんか。"
    return {
        "ja": asked if reason.code is ReasonCode.TYPO_DOMAIN else f"{first}。{asked}",
        "en": f"{words.en} Did you mean {' or '.join(suggestions)}?",
    }


def advice(domain: str, sender_domain: str) -> dict[str, str]:
    """Return how mailboxes of ``domain`` (ASCII, any case) are made to take mail from ``sender_domain``."""
    if named := _SETTINGS.get(domain.lower()):
        setting = {"ja": named.ja.format(domain=sender_domain), "en": named.en.format(domain=sender_domain)}
    else:
        setting = dict(allowing(domain, sender_domain))
    return {
        "ja": _COMES_FROM.ja.format(domain=sender_domain) + setting["ja"],
        "en": _COMES_FROM.en.format(domain=sender_domain) + setting["en"],
    }


def _words(reason: Reason, domain: str) -> _Words:
    if reason.code is ReasonCode.DISCONTINUED_DOMAIN and reason.severity is Severity.WARN:
        return _SAID_TO_HAVE_ENDED
    day = last_day(domain)
    if reason.code is not ReasonCode.ENDING_DOMAIN or day is None:
        return _WORDS[reason.code]
    return _Words(
        f"このメールサービスは{day.year}年{day.month}月{day.day}日に終了予定です。"
        "別のメールアドレスのご登録をお願いいたします。",
        f"This mail service ends on {day.isoformat()}. Please use another address.",
    )
