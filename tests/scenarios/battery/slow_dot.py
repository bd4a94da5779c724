"""The dot is answered after half a minute, as ezweb and yahoo.co.jp do: it is waited for, and the mail goes once."""

from tests.scenarios.battery.story import Story, alone, soon
from tests.support.smtp_script import say

_TAKEN = say("250 2.0.0 Ok: queued", after=28)

STORIES = [
    Story(name="dot-after-28", plan=alone(lambda: {"dot": _TAKEN}), within=soon(), known_within=28.0),
    Story(
        name="dot-after-28-short-life", plan=alone(lambda: {"dot": _TAKEN}), life=40, within=soon(), known_within=28.0
    ),
    Story(
        name="dot-after-90",
        plan=alone(lambda: {"dot": say("250 2.0.0 Ok: queued", after=90)}),
        within=soon(),
        known_within=90.0,
    ),
]
