"""Queries, read strictly: known parameters, each once; a misspelt filter must not answer with everything."""

from collections import Counter

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from mailsvc.api.problems import invalid, plain

#: The largest cursor of the log: sequence numbers are 64-bit integers.
_SEQ_MAX = 2**63 - 1


async def each_once(request: Request) -> None:
    """Refuse a query that gives a parameter twice: two readers would take two values."""
    given = Counter(name for name, _ in request.query_params.multi_items())
    if repeated := [name for name, times in given.items() if times > 1]:
        raise invalid([(plain(name), "is given more than once") for name in repeated])


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class MessageQuery(_Query):
    """Which messages to list."""

    challenge: str | None = None
    customer: str | None = None
    reference: str | None = None
    cursor: str | None = Field(default=None, pattern=r"^msg_[0-9a-z]{26,32}$", description="`next` of the page before")
    limit: int = Field(default=100, ge=1, le=500)


class AddressQuery(_Query):
    """Which addresses to list."""

    state: str | None = Field(default=None, description="Only those in this state")
    changed_after: str | None = Field(default=None, max_length=64, description="RFC 3339 with an offset")
    cursor: str | None = Field(default=None, pattern=r"^adr_[a-p]{28}$", description="`next` of the page before")
    limit: int = Field(default=100, ge=1, le=500)


class ReportQuery(_Query):
    """Which reports to list."""

    state: str | None = Field(default=None, description="`pending`, `done` or `quarantined`")
    cursor: str | None = Field(default=None, pattern=r"^rep_[a-p]{28}$", description="`next` of the page before")
    limit: int = Field(default=100, ge=1, le=500)


class ParkedQuery(_Query):
    """Which parked events to list."""

    url: str | None = Field(default=None, max_length=2048, description="Only those of the endpoint of this URL")
    cursor: str | None = Field(default=None, pattern=r"^whp_[a-p]{28}$", description="`next` of the page before")
    limit: int = Field(default=100, ge=1, le=500)


class WaitQuery(_Query):
    """How long to wait."""

    wait: float = Field(default=0, ge=0, le=60, description="Seconds to hold the answer until the state is final")


class EventQuery(_Query):
    """Which events to read."""

    after: int = Field(default=0, ge=0, le=_SEQ_MAX, description="`next` of the page before; 0 from the start")
    limit: int = Field(default=500, ge=1, le=1000)
    wait: float = Field(default=0, ge=0, le=60, description="Seconds to wait for the first event")
    types: str | None = Field(default=None, description="Event types, separated by commas")
