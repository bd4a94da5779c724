"""Waits that servers name in their replies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.domain.hint import retry_hint

HINTS = [
    ("450 4.2.0 <taro@example.jp>: Recipient address rejected: Greylisted, try again in 60 seconds", 60),
    ("451 4.7.1 Greylisting in action, please come back in 00:04:30", 270),
    ("451 come back after 1:00:00", 3600),
    ("450 4.7.1 Please retry after 5 minutes", 300),
    ("451 please retry in 2 min", 120),
    ("421 4.7.0 Try again later, wait at least 30 sec", 30),
    ("421 try again in about 1 hour", 3600),
    ("451 temporarily deferred for 2m", 120),
    ("451 RETRY AFTER 45 SECS", 45),
    ("450 4.2.0 Greylisted", None),
    ("450 try again later", None),
    ("452 4.2.2 mailbox full, 1024 messages in 3 folders", None),
    ("451 4.3.0 error after 3 messages", None),
    ("421 too many connections in 10.0.0.1", None),
    ("550 blocked since 60 seconds", None),
    ("451 in 123456 seconds", None),
    ("", None),
]
UNITS = [("s", 1), ("seconds", 1), ("min", 60), ("minutes", 60), ("hours", 3600)]


@pytest.mark.parametrize(("text", "seconds"), HINTS)
def test_hint_is_read_from_the_words_of_the_reply(text: str, seconds: float | None) -> None:
    """The usual forms give their seconds; numbers that are no time give nothing."""
    assert retry_hint(text) == seconds


@given(st.text())
def test_hint_of_any_text_is_none_or_a_length(text: str) -> None:
    """No reply, however odd, gives anything but seconds that are not negative, or nothing."""
    hint = retry_hint(text)
    assert hint is None or hint >= 0


@given(st.integers(0, 99999), st.sampled_from(UNITS))
def test_hint_of_any_length_is_its_seconds(number: int, unit: tuple[str, int]) -> None:
    """Seconds, minutes and hours are counted in seconds."""
    assert retry_hint(f"451 try again in {number} {unit[0]}") == number * unit[1]
