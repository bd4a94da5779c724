"""Instants as text (RFC 3339)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.domain.instant import parse_rfc3339, rfc3339

AT = 1795396500.0
READ = [
    ("2026-11-23T01:15:00Z", AT),
    ("2026-11-23T01:15:00.000Z", AT),
    ("2026-11-23T10:15:00+09:00", AT),
    ("2026-11-22T20:15:00-05:00", AT),
    ("2026-11-23T06:45:00+05:30", AT),
    ("2026-11-23T01:15:00-00:00", AT),
    ("2026-11-23t01:15:00z", AT),
    ("2026-11-23T01:15:00.5Z", AT + 0.5),
    ("2026-11-23T01:15:00.123456789Z", AT + 0.123456),
    ("2028-02-29T00:00:00Z", 1835395200.0),
    ("1969-12-31T23:59:59Z", -1.0),
]
REFUSED = [
    "", "now", "1795396500", "2026-11-23", "2026-11-23T01:15:00", "2026-11-23 01:15:00Z", "2026-11-23T01:15Z",
    "2026-11-23T01:15:00+0900", "2026-11-23T01:15:00+09", "2026-11-23T01:15:00+09:00:00", "2026-W48-1T01:15:00Z",
    "20261123T011500Z", "2026-11-23T01:15:00,5Z", "2026-11-23T01:15:00.Z", "2026-11-23T01:15:00.1234567890Z",
    " 2026-11-23T01:15:00Z", "2026-11-23T01:15:00Z\n", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
    "2026-11-23T24:00:00Z", "2026-11-23T01:60:00Z", "2026-11-23T01:15:60Z", "2026-11-23T01:15:00+24:00",
    "2026-11-23T01:15:00+01:60", "2026-11-23T01:15:00+01:99", "0000-01-01T00:00:00Z", "２０２６-11-23T01:15:00Z",
]  # fmt: skip


@pytest.mark.parametrize(("text", "at"), READ)
def test_parse_date_time_with_offset_is_read(text: str, at: float) -> None:
    """A date-time of RFC 3339 is the instant it names, to the microsecond."""
    assert parse_rfc3339(text) == at


@pytest.mark.parametrize("text", REFUSED)
def test_parse_anything_else_is_refused(text: str) -> None:
    """Whatever the grammar or the calendar does not have is refused."""
    with pytest.raises(ValueError, match=r"."):
        parse_rfc3339(text)


def test_write_is_utc_with_milliseconds() -> None:
    """Instants are written in UTC with three digits after the second."""
    assert rfc3339(AT) == "2026-11-23T01:15:00.000Z"
    assert rfc3339(AT + 0.0416) == "2026-11-23T01:15:00.041Z"


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001  made aware below
def test_write_and_parse_agree_to_the_millisecond(moment: datetime) -> None:
    """What is written is read as the same instant, cut to milliseconds."""
    at = moment.replace(tzinfo=UTC).timestamp()
    assert 0 <= at - parse_rfc3339(rfc3339(at)) < 0.0011


@given(st.text("0123456789-:TZ+. ", max_size=30))
def test_parse_any_text_is_read_or_refused(text: str) -> None:
    """No text raises anything but ``ValueError``, and what is read can be written."""
    try:
        at = parse_rfc3339(text)
    except ValueError:
        return
    assert rfc3339(at).endswith("Z")
