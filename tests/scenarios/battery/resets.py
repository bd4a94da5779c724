"""A lone host that resets the connection at one stage or another, and is well again soon after."""

from functools import partial

from tests.scenarios.battery.story import USUAL, Story, alone, first_time, soon
from tests.support.smtp_script import RESET, Script, at_first


def _for_a_while(stage: str) -> Script:
    return {stage: at_first(RESET, 5, USUAL[stage])}


STORIES = [
    *(
        Story(
            name=f"resets-at-{stage}",
            plan=alone(partial(_for_a_while, stage)),
            within=soon(9),
        )
        for stage in ("banner", "ehlo", "mail", "rcpt", "data")
    ),
    Story(name="resets-at-body", plan=alone(lambda: {"body": first_time(RESET, USUAL["body"])}), within=soon()),
    Story(name="resets-at-quit", plan=alone(lambda: {"quit": RESET}), within=soon()),
]
