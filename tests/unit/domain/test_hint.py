"""How long a reply asks to wait."""

import pytest

from mailsvc.domain.hint import retry_hint


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("450 4.2.0 <taro@example.jp>: Recipient address rejected: Greylisted, try again in 60 seconds", 60),
        ("451 4.7.1 Greylisting in action, please come back in 00:04:30", 270),
        ("450 4.7.1 Please retry after 5 minutes", 300),
        ("421 4.7.0 Try again later, wait at least 30 sec", 30),
        ("451 temporarily deferred for 2m", 120),
        ("450 4.2.1 try again in 1 hour", 3600),
        ("450 4.2.0 Greylisted", None),
        ("450 try again later", None),
        ("452 4.2.2 mailbox full, 1024 messages in 3 folders", None),
        ("421 too many connections in 10.0.0.1", None),
    ],
)
def test_hint_is_read_from_the_words_of_the_reply(text: str, seconds: float | None) -> None:
    """The usual forms give their seconds; numbers that are no time give nothing."""
    assert retry_hint(text) == seconds
