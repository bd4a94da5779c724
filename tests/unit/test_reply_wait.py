"""Until when the reply to the dot is awaited: to the end, unless a repeat would still be possible."""

import pytest

from mailsvc.delivery.session import Deadlines

#: The end of the wait and the last moment for a repeat, as for a code of 300 s that was accepted at 0.
ANSWER_BY, REPEAT_BY = 310.0, 238.0


@pytest.mark.parametrize(
    ("handed_over_at", "repeat_by", "until"),
    [
        (0.1, REPEAT_BY, REPEAT_BY),
        (178.0, REPEAT_BY, REPEAT_BY),
        (178.1, REPEAT_BY, ANSWER_BY),
        (270.0, REPEAT_BY, ANSWER_BY),
        (0.1, None, ANSWER_BY),
        (0.1, 86_400.0, ANSWER_BY),
    ],
)
def test_reply_is_awaited_to_the_end_or_until_a_repeat_is_due(
    handed_over_at: float, repeat_by: float | None, until: float
) -> None:
    """A mail that can be repeated is given up in time for that, and never sooner than 60 s after its dot."""
    deadlines = Deadlines(before_dot=0, send_by=280.0, answer_by=ANSWER_BY, repeat_by=repeat_by)
    assert deadlines.wait_until(handed_over_at) == until


@pytest.mark.parametrize("handed_over_at", [0.1, 900.0, 80_000.0])
@pytest.mark.parametrize("repeat_by", [None, 86_338.0])
def test_reply_to_a_notice_is_awaited_ten_minutes_from_its_dot(handed_over_at: float, repeat_by: float | None) -> None:
    """However long a mail waited for its place, the server has the ten minutes of RFC 5321 4.5.3.2.6 to answer it."""
    deadlines = Deadlines(before_dot=0, send_by=86_400.0, answer_by=86_410.0, repeat_by=repeat_by)
    assert deadlines.wait_until(handed_over_at) == handed_over_at + 600
