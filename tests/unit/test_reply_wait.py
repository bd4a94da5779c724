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
