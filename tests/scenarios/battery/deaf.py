"""A host that stops reading when the mail comes: its window closes, and nobody knows what it has."""

from tests.scenarios.battery.story import Story, beside_a_good_one, soon
from tests.support.smtp_script import DEAF

_DEAF = beside_a_good_one({"body": DEAF}, receive_buffer=1)

STORIES = [
    Story(name="deaf", plan=_DEAF, within=soon(240), known_within=240.0),
    Story(name="deaf-short-life", plan=_DEAF, life=125, within=soon(65), known_within=65.0),
]
