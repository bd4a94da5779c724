"""What the login screen may tell a customer whose mail does not arrive, in Japanese and English (CONTRACT 3.5).

Pure. First what happened, then what to do: causes in the order of the evidence, then of the kind of mailbox, as many as
fit. Names our sender domain, never the registered address: the reader may not be logged in.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from mailsvc.domain.address_state import AddressState
from mailsvc.domain.mail_kind import MailKind, mail_kind
from mailsvc.domain.outcome import Category

#: A text has at most so many characters.
LENGTH_MAX = 300


class Cause(Enum):
    """The five causes of mail that does not arrive."""

    FILTER = auto()  #: the mailbox takes mail from chosen senders only
    ADDRESS = auto()  #: the registered address is wrong
    JUNK = auto()  #: the mail service put it aside
    SECURITY = auto()  #: security software, or the provider's service
    FULL = auto()  #: the mailbox is full


@dataclass(frozen=True, slots=True)
class _Words:
    ja: str
    en: str


@dataclass(frozen=True, slots=True)
class _Situation:
    happened: _Words
    causes: tuple[Cause, ...] = ()  #: by the evidence
    more: int = 0  #: how many further ones, by the kind of mailbox
    then: _Words = _Words("", "")


_CONTACT = _Words(
    "ログインできない場合は、お手数ですがお問い合わせ窓口までご連絡ください。",
    "If you cannot log in, please contact our support desk.",
)
_CHANGE = _Words(
    "メールアドレスの変更手続きをお願いいたします。" + _CONTACT.ja,
    "Please have your registered address changed. " + _CONTACT.en,
)
_AGAIN = _Words("そのうえで、認証コードを再発行してください。", "Then please request a new code.")

_HELP = _Situation(
    _Words("メールが届かない場合は、次の点をご確認ください。", "Has our mail not arrived?"),
    more=len(Cause),
)
_FULL = _Situation(
    _Words(
        "メールボックスの空き容量が不足しているため、メールをお届けできませんでした。"
        "不要なメールを削除し、空き容量をご確認のうえ、認証コードを再発行してください。",
        "Our mail could not be delivered because your mailbox is full. Please delete mails you no longer need, "
        "then request a new code.",
    ),
    then=_Words(
        "操作方法は、ご利用のメールサービスの提供元へお問い合わせください。",
        "Your mail service can tell you how.",
    ),
)
_REFUSED = _Situation(
    _Words(
        "迷惑メール対策などの受信設定により、メールをお届けできませんでした。",
        "The receiving settings of your mailbox refused our mail.",
    ),
    (Cause.FILTER,),
    then=_AGAIN,
)
_UNKNOWN_OR_REFUSED = _Situation(
    _Words(
        "メールをお届けできませんでした。受信拒否の設定、またはメールアドレスの誤りが考えられます。",
        "Our mail could not be delivered: your mailbox may refuse it, or the address may be wrong.",
    ),
    (Cause.FILTER, Cause.ADDRESS),
    then=_CONTACT,
)
_NOT_FOUND = _Situation(
    _Words(
        "宛先が見つからないとの応答があり、メールをお届けできませんでした。",
        "Our mail could not be delivered: your registered address was not found.",
    ),
    (Cause.ADDRESS,),
    then=_CONTACT,
)
_NO_DOMAIN = _Situation(
    _Words(
        "宛先の「@」より後ろに誤りがあるか、メールサービスが終了している可能性があり、メールをお届けできませんでした。",
        "Our mail could not be delivered: the part after the @ may be wrong, or the mail service may have ended.",
    ),
    (Cause.ADDRESS,),
    then=_CONTACT,
)
_DISABLED = _Situation(
    _Words(
        "ご登録のメールアドレスが利用停止中の可能性があり、メールをお届けできませんでした。"
        "メールの受信ができる状態か、ご利用のメールサービスでご確認ください。",
        "Our mail could not be delivered: your mailbox may be suspended. Please check with your mail service "
        "that it can receive mail.",
    ),
    then=_CONTACT,
)
_UNDELIVERABLE = _Situation(
    _Words(
        "ご登録のメールアドレスが見つからないため、現在メールをお届けできません。",
        "We cannot deliver mail at present: your registered address was not found.",
    ),
    then=_CHANGE,
)
_DOMAIN_GONE = _Situation(
    _Words(
        "ご登録のメールアドレスの「@」より後ろに誤りがあるか、メールサービスが終了しているため、"
        "現在メールをお届けできません。",
        "We cannot deliver mail at present: the part after the @ is wrong, or the mail service has ended.",
    ),
    then=_CHANGE,
)
_COMPLAINED = _Situation(
    _Words(
        "当社からのメールが迷惑メールとして報告されたため、届きにくくなっている可能性がございます。",
        "Our mail was reported as spam from your mailbox and may not reach you any more.",
    ),
    (Cause.JUNK, Cause.FILTER),
    then=_AGAIN,
)

_BY_STATE = {
    AddressState.UNKNOWN: _HELP,
    AddressState.DELIVERABLE: _HELP,
    AddressState.MAILBOX_FULL: _FULL,
    AddressState.REFUSED: _REFUSED,
    AddressState.SUSPECT: _UNKNOWN_OR_REFUSED,
    AddressState.UNDELIVERABLE: _UNDELIVERABLE,
    AddressState.COMPLAINED: _COMPLAINED,
}
#: Where the category says more than the state does.
_BY_CATEGORY = {
    (AddressState.SUSPECT, Category.USER_UNKNOWN): _NOT_FOUND,
    (AddressState.SUSPECT, Category.DOMAIN_UNKNOWN): _NO_DOMAIN,
    (AddressState.SUSPECT, Category.MAILBOX_DISABLED): _DISABLED,
    (AddressState.UNDELIVERABLE, Category.DOMAIN_UNKNOWN): _DOMAIN_GONE,
}

#: Those that a setting can prevent.
_SETTINGS = {Cause.FILTER, Cause.JUNK, Cause.SECURITY}
_CARRIER_ORDER = (Cause.FILTER, Cause.JUNK, Cause.FULL, Cause.ADDRESS, Cause.SECURITY)
#: The likeliest cause first.
_ORDER = {
    MailKind.WEBMAIL: (Cause.JUNK, Cause.ADDRESS, Cause.FULL, Cause.FILTER, Cause.SECURITY),
    MailKind.ISP: (Cause.SECURITY, Cause.FULL, Cause.ADDRESS, Cause.JUNK, Cause.FILTER),
    MailKind.COMPANY: (Cause.SECURITY, Cause.JUNK, Cause.ADDRESS, Cause.FULL, Cause.FILTER),
}
_ADVICE = {
    Cause.FILTER: _Words(
        "受信設定（指定受信など）で「{domain}」からのメールを許可してください。",
        "Please allow {domain} in your mail settings.",
    ),
    Cause.ADDRESS: _Words(
        "ご登録のメールアドレスに誤りや変更がないかご確認ください。",
        "Please check your registered address.",
    ),
    Cause.JUNK: _Words(
        "迷惑メールフォルダーに振り分けられていないかご確認ください。",
        "Please look in your junk folder.",
    ),
    Cause.SECURITY: _Words(
        "セキュリティソフトやプロバイダのサービスで「@{domain}」からのメールを許可してください。",
        "Please allow @{domain} in security software and at your provider.",
    ),
    Cause.FULL: _Words(
        "メールボックスの空き容量が不足していないかご確認ください。",
        "Please make sure your mailbox is not full.",
    ),
}
#: The names that the setting has there.
_OWN_ADVICE = {
    (Cause.FILTER, MailKind.DOCOMO): _Words(
        "ドコモメールの「受信リスト設定」に「{domain}」をご登録ください。",
        "Please add {domain} to 受信リスト設定 in your docomo mail settings.",
    ),
    (Cause.FILTER, MailKind.AU): _Words(
        "迷惑メールフィルターの「受信リスト設定」に「{domain}」をご登録ください。",
        "Please add {domain} to 受信リスト設定 in your spam filter.",
    ),
    (Cause.FILTER, MailKind.SOFTBANK): _Words(
        "迷惑メール対策の「受信許可リスト」に「{domain}」をご登録ください。",
        "Please add {domain} to 受信許可リスト in your spam filter.",
    ),
    (Cause.SECURITY, MailKind.COMPANY): _Words(
        "勤務先などのメールの場合は、「@{domain}」からのメールの許可を管理部門へご依頼ください。",
        "For a company mailbox, please have @{domain} allowed by its administrator.",
    ),
}


@dataclass(frozen=True, slots=True)
class Guide:
    """Gives guidance in the name of one sender."""

    sender_domain: str  #: of the From address: what customers allow in their settings

    def __call__(self, state: AddressState, category: Category | None, domain: str) -> Mapping[str, str]:
        """Return the text of each language for an address at this domain; total over states and categories."""
        situation = _BY_STATE[state] if category is None else _BY_CATEGORY.get((state, category), _BY_STATE[state])
        kind = mail_kind(domain)
        advice = list(_advice(situation, kind))
        return {
            "ja": self._fitted(situation.happened.ja, [one.ja for one in advice], situation.then.ja, ""),
            "en": self._fitted(situation.happened.en, [one.en for one in advice], situation.then.en, " "),
        }

    def _fitted(self, happened: str, advice: list[str], then: str, between: str) -> str:
        """Put the sentences together; advice that would make it too long is left out."""
        said = [happened]
        for one in advice:
            further = one.format(domain=self.sender_domain)
            if len(between.join((*said, further, then))) <= LENGTH_MAX:
                said.append(further)
        return between.join((*said, then) if then else said)


def allowing(domain: str, sender_domain: str) -> Mapping[str, str]:
    """Return, before anything went wrong, how mailboxes of ``domain`` take mail from ``sender_domain``."""
    kind = mail_kind(domain)
    cause = next(cause for cause in _ORDER.get(kind, _CARRIER_ORDER) if cause in _SETTINGS)
    words = _OWN_ADVICE.get((cause, kind), _ADVICE[cause])
    return {"ja": words.ja.format(domain=sender_domain), "en": words.en.format(domain=sender_domain)}


def _advice(situation: _Situation, kind: MailKind) -> Iterator[_Words]:
    likely = [cause for cause in _ORDER.get(kind, _CARRIER_ORDER) if cause not in situation.causes]
    for cause in (*situation.causes, *likely[: situation.more]):
        yield _OWN_ADVICE.get((cause, kind), _ADVICE[cause])
