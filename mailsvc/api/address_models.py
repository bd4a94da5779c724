"""The shapes of ``/v1/addresses``, for validation and for the OpenAPI document."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from mailsvc.api.models import Guidance, StrictRequest
from mailsvc.domain.address_state import AddressState, Source, Strength


class AddressRequest(StrictRequest):
    """An address, taken exactly as it is."""

    address: str = Field(max_length=512, examples=["taro@docomo.ne.jp"])


class ClearRequest(AddressRequest):
    """An address whose state is to be cleared, and why."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")] = (
        Field(description="Goes into the event")
    )


class EvidenceView(BaseModel):
    """One thing that was learned of an address."""

    at: str
    source: Source
    strength: Strength = Field(description="weak: a report known by its tag alone")
    category: str
    stage: str | None
    reply: str | None = Field(description="The site's words")
    message: str | None


class AddressView(BaseModel):
    """What is known of an address."""

    address: str = Field(description="Masked; in full in the list")
    state: AddressState = Field(description="unknown: no mail has reached it yet")
    since: str | None
    until: str | None = Field(description="When it ends by itself; null: it does not")
    category: str | None
    evidence: list[EvidenceView] = Field(description="Oldest first; empty while nothing is wrong")
    guidance: Guidance


class AddressList(BaseModel):
    """Addresses with which something is wrong, in the order of their last change."""

    addresses: list[AddressView]
    next: str | None = Field(description="Cursor of the next page, null at the end")
