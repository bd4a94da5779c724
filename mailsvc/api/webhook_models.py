"""The shapes of ``/v1/webhooks``, for validation and for the OpenAPI document."""

from pydantic import BaseModel, ConfigDict, Field

from mailsvc.api.models import StrictRequest

_URL = "https://auth.example.jp/hooks/mail"
_EVENT = "evt_abjkgihmjkgadokfmnlbpcjhaifo"


class WebhookFailure(BaseModel):
    """What was wrong with an endpoint the last time."""

    at: str
    problem: str = Field(examples=["answered 500"])


class WebhookView(BaseModel):
    """A webhook endpoint and what waits for it."""

    url: str = Field(description="Without user part and query", examples=[_URL])
    configured: bool = Field(description="false: it was taken out of the configuration, and has parked events left")
    cursor: int = Field(description="Everything up to here is delivered, waits for another try, or is parked")
    lag: float = Field(description="Age in seconds of the oldest event that is to be delivered; 0: none waits")
    pending: int = Field(description="Events that are to be delivered")
    parked: int = Field(description="Events that are not tried any more")
    last_failure: WebhookFailure | None = Field(description="Since the start of the service")
    next_try_at: str | None = Field(description="When something is tried again; null while nothing has failed")


class WebhookList(BaseModel):
    """Every webhook endpoint."""

    webhooks: list[WebhookView]


class ParkedEvent(BaseModel):
    """An event without personal data; `/v1/events?after=` its `seq` less one has the rest."""

    seq: int
    id: str = Field(examples=[_EVENT])
    type: str
    at: str
    message: str | None


class ParkedView(BaseModel):
    """An event that an endpoint is not told any more."""

    id: str
    url: str = Field(description="The endpoint's")
    parked_at: str
    tries: int
    problem: str | None = Field(description="Why the last try failed", examples=["answered 422"])
    event: ParkedEvent


class ParkedList(BaseModel):
    """Parked events, newest first."""

    parked: list[ParkedView]
    next: str | None = Field(description="Cursor of the next page, null at the end")


class ReplayRequest(StrictRequest):
    """What is to be sent again: all parked events, one of them, or everything behind a position of the log."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"url": _URL, "after": 4711}]})
    url: str | None = Field(default=None, max_length=2048, description="One endpoint, as the list shows it; else all")
    event: str | None = Field(default=None, max_length=64, description="Id of a parked event", examples=[_EVENT])
    after: int | None = Field(default=None, ge=0, le=2**63 - 1, description="Everything behind this `seq` of the log")


class Replayed(BaseModel):
    """How much is sent again."""

    events: int
