"""The line is lost after the final dot, and nobody can tell whether the mail was kept (RFC 1047)."""

from tests.scenarios.battery.story import USUAL, Story, alone, first_time, soon
from tests.support.smtp_script import RESET, Act, Then

_STORED = Act(then=Then.RESET, stores=True)

STORIES = [
    Story(name="lost-after-dot", plan=alone(lambda: {"dot": first_time(RESET, USUAL["dot"])}), within=soon()),
    Story(
        name="lost-after-dot-stored",
        plan=alone(lambda: {"dot": first_time(_STORED, USUAL["dot"])}),
        within=soon(),
        copies=2,
    ),
    Story(name="lost-after-every-dot", plan=alone(lambda: {"dot": RESET}), state="unknown", known_within=0.0),
    Story(
        name="lost-after-every-dot-stored",
        plan=alone(lambda: {"dot": _STORED}),
        within=soon(),
        state="unknown",
        known_within=0.0,
        copies=2,
    ),
    Story(
        name="lost-after-dot-stored-late-in-life",
        plan=alone(lambda: {"dot": _STORED}),
        life=50,
        within=soon(),
        state="unknown",
        known_within=0.0,
    ),
]
