"""Waits that servers name in their replies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.domain.hint import retry_hint

HINTS = [
    # postgrey, sqlgrey, policyd and their like
    ("450 4.2.0 <a@b.jp>: Recipient address rejected: Greylisted for 300 seconds (see http://example.org/x.html)", 300),
    ("450 <a@b.jp>: Recipient address rejected: Greylisted for 5 minutes", 300),
    ("450 4.2.0 Greylisted for 58 seconds. policy[default]", 58),
    ("450 4.2.0 <a@b.jp>: Sender address rejected: Greylisted for 30 sec.", 30),
    ("450 4.2.0 <a@b.jp>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/b.html", None),
    ("450 4.7.1 <a@b.jp>: Recipient address rejected: Greylisting in effect, please come back later", None),
    ("450 4.7.1 Policy Rejection- Please try later.", None),
    # milter-greylist, MIMEDefang, MDaemon, rspamd, spamd, OpenSMTPD, Exim
    ("451 4.7.1 Greylisting in action, please come back in 00:01:00", 60),
    ("451 4.7.1 Greylisting in action, please come back in 00:04:30", 270),
    ("451 come back after 1:00:00", 3600),
    ("451 4.7.1 try again later (in 00:04:58)", 298),
    ("451 Greylisted, please try again in 900 seconds", 900),
    ("451 4.3.0 Greylisting enabled, try again in 15 minutes", 900),
    ("451 4.7.1 Greylisting in action, please try again later", None),
    ("451 4.7.1 Try again later", None),
    ("451 Temporary failure, please try again later.", None),
    ("421 4.7.0 Temporary Error: Greylisted", None),
    ("422 4.2.2 Greylisted, please try again in a few moments.", None),
    ("451 Temporary local problem - retry timeout not reached", None),
    ("451 retry time not reached for any host after a long failure period", None),
    ("451 This server employs greylisting as a means of reducing spam. Please resend e-mail shortly", None),
    # rules that people write
    ("450 4.2.0 <taro@example.jp>: Recipient address rejected: Greylisted, try again in 60 seconds", 60),
    ("450 Greylisted (60 seconds)", 60),
    ("450 4.7.1 Greylisted, please wait 60 more seconds", 60),
    ("450 greylisted retry=60s", 60),
    ("450 greylisted; retry=60", 60),
    ("450 retry after 300", 300),
    ("450 retry after 300 (see http://example.org/)", 300),
    ("421 4.7.0 Retry-After: 30", 30),
    ("451 Try again in 5 minutes 30 seconds", 330),
    ("451 Try again in 5 minutes and 30 seconds.", 330),
    ("451 try again in 1 min 30 s", 90),
    ("451 try again in 1m30s", 90),
    ("451 come back in 1 hour, 2 minutes and 3 seconds", 3723),
    ("451 try again in 1.5 minutes", 90),
    ("451 wait 1 hour", 3600),
    ("451 wait 1 day", 86400),
    ("450 4.7.1 Please retry after 5 minutes", 300),
    ("450 4.7.1 Please retry your message in 5 mins", 300),
    ("451 please retry in 2 min", 120),
    ("451 try again in no less than 2 minutes", 120),
    ("421 4.7.0 Try again later, wait at least 30 sec", 30),
    ("421 try again in about 1 hour", 3600),
    ("421 4.7.1 20 messages in 240 s are too many, retry in 90 s", 90),
    ("451 temporarily deferred for 2m", 120),
    ("421 4.7.0 your address is blocked for 10 minutes", 600),
    ("451 RETRY AFTER 45 SECS", 45),
    # lengths that are no wait, numbers that are no length
    ("451 4.4.2 timed out after 200 seconds", None),
    ("451 4.4.2 try again, the connection timed out after 200 seconds", None),
    ("450 4.7.1 more than 20 messages in 240 s", None),
    ("450 4.7.1 Greylisted: more than 20 messages in 240 s", None),
    ("421 4.7.0 try again later: 60 per 3600 s allowed", None),
    ("451 Greylisted, retry within 4 hours", None),
    ("450 4.2.0 Greylisted", None),
    ("450 try again later", None),
    ("452 4.2.2 mailbox full, 1024 messages in 3 folders", None),
    ("451 4.3.0 error after 3 messages", None),
    ("451 retry after 3 attempts", None),
    ("421 too many connections in 10.0.0.1", None),
    ("421 try again in 10.0.0.1", None),
    ("421 4.7.0 Try again later 4s-20020a170902.7 - gsmtp", None),
    ("421 4.7.0 Try again later [5m.mx.example.com]", None),
    ("451 4.7.1 retry after 2026-11-25T10:00:00Z", None),
    ("451 4.7.1 try again in 500 ms", None),
    ("550 blocked since 60 seconds", None),
    ("451 in 123456 seconds", None),
    ("451 try again in 123456 seconds", None),
    ("", None),
]
UNITS = [("s", 1), ("seconds", 1), ("min", 60), ("minutes", 60), ("hours", 3600), ("d", 86400)]


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
