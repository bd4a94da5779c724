"""The check of the supersede run finds what it is there to find."""

import pytest

from tests.support.recording_peer import Arrival
from tests.support.revocations import Revocation, Said, violations

BEFORE, ANSWERED, AFTER = 9.0, 10.0, 11.0
CAME_BEFORE, CAME_AFTER = Arrival(BEFORE, BEFORE), Arrival(AFTER, AFTER)


@pytest.mark.parametrize(
    ("said", "arrivals", "state", "problem"),
    [
        (Said.ENDED, [], "superseded", None),
        (Said.ENDED, [], "cancelled", None),
        (Said.ENDED, [], "expired", "is expired, and msg_new says that it has ended"),
        (Said.ENDED, [CAME_AFTER], "superseded", "was handed over, and msg_new says that it has ended"),
        (Said.ENDED, [CAME_BEFORE], "superseded", "was handed over, and msg_new says that it has ended"),
        (Said.ENDED, [Arrival(AFTER)], "superseded", "was handed over, and msg_new says that it has ended"),
        (Said.RACED, [CAME_AFTER], "sent", None),
        (Said.RACED, [CAME_BEFORE], "sent", None),
        (Said.RACED, [Arrival(AFTER)], "superseded", None),
        (Said.RACED, [CAME_AFTER], "superseded", "is superseded, and its mail came 1 times"),
        (Said.RACED, [], "sent", "is sent, and its mail came 0 times"),
        (Said.RACED, [CAME_BEFORE, CAME_AFTER], "sent", "is sent, and its mail came 2 times"),
        (Said.NOTHING, [CAME_BEFORE], "sent", None),
        (Said.NOTHING, [CAME_AFTER], "sent", "was handed over after the answer of msg_new, which does not name it"),
    ],
)
def test_older_code_at_the_peer_is_held_against_what_was_said_of_it(
    said: Said, arrivals: list[Arrival], state: str, problem: str | None
) -> None:
    """Each way in which an answer and the peer can contradict each other is found, and nothing else is."""
    revocation = Revocation("msg_old", "msg_new", said, ANSWERED)
    found = violations([revocation], {"msg_old": arrivals}, {"msg_old": state})
    assert found[:1] == ([f"msg_old {problem}"] if problem else [])
