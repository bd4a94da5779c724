"""421 storms: a destination that closes every session for a while, at one stage or another."""

from functools import partial

from tests.scenarios.battery.story import USUAL, Story, alone, beside_a_good_one, expired, soon
from tests.support.smtp_script import Script, Then, at_first, say

_CLOSING = say("421 4.7.0 Too many connections, slow down", then=Then.CLOSE)


def storm(step: str, seconds: float) -> Script:
    """Return the script of a storm that is over so long after it began."""
    return {step: at_first(_CLOSING, seconds, USUAL[step])}


STORIES = [
    *(
        Story(name=f"storm-10-at-{step}", plan=alone(partial(storm, step, 10)), within=soon(23))
        for step in ("banner", "ehlo", "mail", "rcpt", "data", "dot")
    ),
    Story(name="storm-30", plan=alone(partial(storm, "banner", 30)), submits=(0.0,) * 10, within=soon(55)),
    Story(name="storm-100", plan=alone(partial(storm, "banner", 100)), submits=(0.0,) * 10, within=soon(165)),
    Story(name="storm-240", plan=alone(partial(storm, "banner", 240)), within=soon(268)),
    Story(name="storm-at-primary", plan=beside_a_good_one({"banner": _CLOSING}), within=soon(4)),
    expired("storm-for-a-short-life", alone(lambda: {"banner": _CLOSING}), cause="rate_limited", life=70, last=5),
    expired("storm-for-life", alone(lambda: {"banner": _CLOSING}), cause="rate_limited", last=5),
]
