"""A lone host that resets the connection at one stage or another, and is well again soon after."""

from tests.scenarios.battery.story import USUAL, Story, alone, first_time, soon
from tests.support.smtp_script import RESET, at_first

STORIES = [
    *(
        Story(
            name=f"resets-at-{stage}",
            plan=alone(lambda stage=stage: {stage: at_first(RESET, 5, USUAL[stage])}),
            within=soon(9),
        )
        for stage in ("banner", "ehlo", "mail", "rcpt", "data")
    ),
    Story(name="resets-at-body", plan=alone(lambda: {"body": first_time(RESET, USUAL["body"])}), within=soon()),
    Story(name="resets-at-quit", plan=alone(lambda: {"quit": RESET}), within=soon()),
]
