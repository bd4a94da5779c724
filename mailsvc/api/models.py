"""The shapes of the HTTP surface, for validation and for the OpenAPI document."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from mailsvc.api.report_models import FeedbackView
from mailsvc.domain.access import Scope
from mailsvc.domain.address_state import AddressState
from mailsvc.domain.message import MessageState

#: A caller's own short text: printable, no control characters.
_Opaque = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
_INSTANT = "2026-11-23T01:15:00.000Z"
_MESSAGE_ID = "msg_abjkgihmjkgadokfmnlbpcjhaifo"


class StrictRequest(BaseModel):
    """A body of which every field is known and of its type."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class SubmitRequest(StrictRequest):
    """One mail to one recipient."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "to": "taro@docomo.ne.jp",
                    "template": "login_code",
                    "code": "042917",
                    "challenge": "login-7f3a",
                    "customer": "c-000123",
                    "expires_in": 300,
                    "locale": "ja",
                    "context": {"environment": "Windows / Chrome"},
                }
            ]
        }
    )
    to: str = Field(max_length=512, description="Recipient address, taken exactly as it is")
    template: str = Field(
        max_length=64, description="`login_code`, `login_code_reissued`, `address_confirmation` or `address_changed`"
    )
    code: SecretStr | None = Field(
        default=None,
        description="Six digits; required by every template but `address_changed`, which takes none",
        json_schema_extra={"pattern": "^[0-9]{6}$"},
    )
    challenge: _Opaque | None = Field(
        default=None, description="One login attempt: a newer code of the same challenge supersedes older ones"
    )
    customer: _Opaque | None = Field(
        default=None, description="The caller's own reference; echoed in events, never mailed"
    )
    expires_at: str | None = Field(default=None, max_length=64, description="RFC 3339 with an offset")
    expires_in: float | None = Field(
        default=None, allow_inf_nan=False, description="Seconds from now; 300 for a code when neither is given"
    )
    locale: Literal["ja", "en"] = "ja"
    context: dict[str, str] = Field(default_factory=dict, description="The template's declared variables")
    force: bool = Field(default=False, description="Mail an address that is known to be undeliverable")


class Guidance(BaseModel):
    """What to show the customer."""

    ja: str
    en: str


class AddressNote(BaseModel):
    """What is known to be wrong with the address."""

    state: AddressState
    since: str
    until: str | None = Field(description="When it ends by itself; null: it does not")
    category: str
    guidance: Guidance


class Accepted(BaseModel):
    """The message is durable and on its way."""

    id: str = Field(examples=[_MESSAGE_ID])
    state: MessageState
    reference: str = Field(description="受付番号, printed in the mail, for the login screen", examples=["A7K2"])
    to: str = Field(description="Masked", examples=["t***@docomo.ne.jp"])
    accepted_at: str = Field(examples=[_INSTANT])
    expires_at: str
    superseded: list[str] = Field(description="Older messages of the challenge that will not be handed over")
    raced: list[str] = Field(description="Older messages of the challenge that were being handed over already")
    address: AddressNote | None = Field(description="null while nothing is wrong with the address")


class Seconds(BaseModel):
    """Where an attempt's time went, in seconds."""

    model_config = ConfigDict(extra="allow")
    queue: float | None = None
    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    transfer: float | None = None


class AttemptView(BaseModel):
    """One SMTP session's try."""

    number: int
    at: str
    host: str | None
    ip: str | None
    destination: str | None = Field(description="The receiving site; null where the route does not tell")
    stage: str = Field(description="dns, connect, banner, ehlo, starttls, auth, mail, rcpt, data or dot")
    handed_over_at: str | None = Field(description="When body and final dot were written; null: not, or unknown")
    reply: str | None
    category: str
    cause: str | None
    status: str | None = Field(description="Enhanced status code, RFC 3463")
    ambiguous: bool = Field(description="The connection was lost after the dot: a copy may have arrived")
    tls: str | None
    seconds: Seconds


class OutcomeView(BaseModel):
    """How a message ended."""

    state: MessageState
    at: str
    category: str | None = Field(description="null for superseded, cancelled and unknown")
    cause: str | None
    reply: str | None
    relayed: bool


class MessageView(BaseModel):
    """A message and its attempts."""

    id: str = Field(examples=[_MESSAGE_ID])
    state: MessageState
    template: str
    is_code: bool = Field(description="false: a notice")
    locale: str
    reference: str
    to: str
    challenge: str | None
    customer: str | None
    accepted_at: str = Field(examples=[_INSTANT])
    expires_at: str
    next_attempt_at: str | None
    attempts: list[AttemptView]
    outcome: OutcomeView | None
    used_at: str | None
    feedback: list[FeedbackView] = Field(description="In the order in which it came")
    address: AddressNote | None = Field(description="What is wrong with its address now; null while nothing is")


class MessageList(BaseModel):
    """Messages, newest first."""

    messages: list[MessageView]
    next: str | None = Field(description="Cursor of the next page, null at the end")


class UsedRequest(StrictRequest):
    """The customer entered the code."""

    at: str | None = Field(default=None, max_length=64, description="RFC 3339; now when absent")


class EmptyRequest(StrictRequest):
    """Nothing is to be said; a body may be left out."""


class EventView(BaseModel):
    """One entry of the event log."""

    seq: int
    id: str
    type: str
    at: str
    message: str | None
    challenge: str | None
    customer: str | None
    address: str | None = Field(description="In full: events are personal data")
    data: dict[str, Any] = Field(description="The full current state of the message, address or site")


class EventPage(BaseModel):
    """Events behind a cursor."""

    events: list[EventView]
    next: int = Field(description="Give it as `after` next time; it has passed filtered events too")
    log: str = Field(description="Another value after a restore: read again from 0")


class NewKeyRequest(StrictRequest):
    """An API key to be made."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
    scopes: list[str] = Field(min_length=1, max_length=len(Scope))


class KeyView(BaseModel):
    """An API key, without its secret."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: str
    revoked_at: str | None


class NewKey(KeyView):
    """A new API key; its secret is shown this once."""

    secret: str


class KeyList(BaseModel):
    """Every API key, oldest first."""

    keys: list[KeyView]


class Readiness(BaseModel):
    """Whether codes can be accepted and delivered now."""

    ready: bool
    failing: dict[str, str] = Field(description="What cannot work, and why")
    late: dict[str, str] = Field(description="What lags behind, though codes are accepted and delivered")


class Alive(BaseModel):
    """The process runs."""

    status: Literal["ok"]
