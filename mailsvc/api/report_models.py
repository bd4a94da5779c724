"""The shapes of reports and of what they said of messages, for the answers and for the OpenAPI document."""

from pydantic import BaseModel, Field

from mailsvc.domain.report import Action, Kind, ReportSource, ReportState


class FeedbackView(BaseModel):
    """One thing that came back about a message after its hand-over."""

    at: str = Field(description="When the report came in")
    action: Action
    category: str
    cause: str | None = Field(description="The category behind `delayed` and `expired`")
    status: str | None = Field(description="Enhanced status code, RFC 3463")
    hard: bool = Field(description="The address cannot exist")
    reply: str | None = Field(description="The site's words")
    host: str | None = Field(description="Who said it")
    source: ReportSource = Field(description="The way the report came in")
    verified: bool = Field(description="The report knew the return path of the address and named this message")


class ReportTaken(BaseModel):
    """The report is durable."""

    id: str = Field(examples=["rep_abjkgihmjkgadokfmnlbpcjhaifo"])


class ReportView(BaseModel):
    """A report, without its body."""

    id: str
    received_at: str
    source: ReportSource
    recipient: str | None = Field(description="Masked; null where nobody told")
    state: ReportState = Field(description="quarantined: it cannot be read")
    tries: int = Field(description="Readings that failed")
    problem: str | None = Field(description="Why it cannot be read, or why it changed nothing")
    kind: Kind | None = Field(description="null until it is read")
    message: str | None = Field(description="The message that it is about")


class ReportList(BaseModel):
    """Reports, newest first."""

    reports: list[ReportView]
    next: str | None = Field(description="Cursor of the next page, null at the end")
