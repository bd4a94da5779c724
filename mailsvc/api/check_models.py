"""The shapes of ``/v1/addresses/check``, for validation and for the OpenAPI document."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mailsvc.api.models import Guidance, StrictRequest
from mailsvc.domain.address_state import AddressState
from mailsvc.domain.check import ReasonCode, Severity, Verdict

DomainKind = Literal["carrier", "webmail", "isp"]

#: Without a null: the document leaves them out of examples.
_EXAMPLE: dict[str, Any] = {
    "address": "ｔａｒｏ＠docomo．ne．jp",
    "normalized": "taro@docomo.ne.jp",
    "wire": "taro@docomo.ne.jp",
    "verdict": "warn",
    "reasons": [
        {
            "code": "known_full",
            "severity": "warn",
            "message": {
                "ja": "このアドレスのメールボックスは容量が不足していました。",
                "en": "The mailbox of this address was full.",
            },
        },
        {
            "code": "normalized",
            "severity": "info",
            "message": {
                "ja": "全角文字などを修正しました。",
                "en": "Full-width characters or the like were corrected.",
            },
        },
    ],
    "suggestions": [],
    "domain": {
        "ascii": "docomo.ne.jp",
        "kind": "carrier",
        "mx": [{"preference": 10, "host": "mx.example.jp"}],
        "null_mx": False,
    },
    "state": "mailbox_full",
    "advice": {
        "ja": "「受信リスト設定」に「mail.example.jp」をご登録ください。",
        "en": "Please allow mail.example.jp.",
    },
}


class CheckRequest(StrictRequest):
    """What somebody typed into a form, as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"address": "ｔａｒｏ＠gmial．com"}]})
    address: str


class ReasonView(BaseModel):
    """One thing that was found."""

    code: ReasonCode
    severity: Severity
    message: Guidance = Field(description="For the customer")


class MailHostView(BaseModel):
    """A mail exchanger."""

    preference: int
    host: str


class DomainView(BaseModel):
    """The domain, as DNS and our lists know it."""

    ascii: str
    kind: DomainKind | None = Field(description="Whose mailboxes it has; null: a company's own, or not known")
    mx: list[MailHostView] = Field(description="The most preferred first; the domain itself where it names none")
    null_mx: bool = Field(description="It says that it takes no mail (RFC 7505)")


class CheckView(BaseModel):
    """Whether an address can receive, as far as can be told without a mail to it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})
    address: str = Field(description="As given")
    normalized: str = Field(description="What the form should keep: artefacts of typing repaired")
    wire: str | None = Field(description="As it is mailed; null where it is no address")
    verdict: Verdict = Field(description="warn: ask once, then accept; unknown: accept, it is checked again later")
    reasons: list[ReasonView] = Field(description="Worst first")
    suggestions: list[str] = Field(description="Addresses that may have been meant, likeliest first")
    domain: DomainView | None
    state: AddressState | None = Field(description="null: never mailed")
    advice: Guidance | None = Field(description="How mail from us is let in there")
