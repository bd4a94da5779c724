"""Greylisting: every recipient is deferred for a while after it was first seen."""

from functools import partial

from tests.scenarios.battery.site import Site
from tests.scenarios.battery.story import USUAL, Story, alone, expired, soon
from tests.support.smtp_script import Script, at_first, say

#: A greylist's length, and the moment of the retry plan that passes it, with its jitter (seconds).
PASSES = ((30.0, 48.0), (60.0, 95.0), (120.0, 157.0), (200.0, 228.0), (255.0, 266.0))
_TEXT = "450 4.2.0 Greylisted, please come back later"


def grey(seconds: float, text: str = _TEXT, step: str = "rcpt") -> Script:
    """Return the script of a greylist."""
    return {step: at_first(say(text), seconds, USUAL[step])}


def _each_host_its_own(site: Site) -> None:
    """Plan two equal hosts that do not know each other's lists."""
    site.host(grey(30), preference=10)
    site.host(grey(30), preference=10)


STORIES = [
    *(
        Story(name=f"greylist-{length:g}", plan=alone(partial(grey, length)), within=soon(passed))
        for length, passed in PASSES
    ),
    Story(name="greylist-62-short-life", plan=alone(partial(grey, 62)), life=100, within=soon(66)),
    Story(
        name="greylist-hint",
        plan=alone(lambda: grey(70, "451 4.7.1 Greylisted, try again in 70 seconds")),
        within=soon(72),
    ),
    Story(name="greylist-each-host", plan=_each_host_its_own, within=soon(48)),
    Story(
        name="greylist-at-data",
        plan=alone(lambda: grey(30, "451 4.7.1 Greylisted", step="data")),
        within=soon(48),
    ),
    Story(name="greylist-at-dot", plan=alone(lambda: grey(30, "451 4.7.1 Greylisted", step="dot")), within=soon(48)),
    expired("greylist-longer-than-a-short-life", alone(partial(grey, 90)), cause="greylisted", life=80),
    expired("greylist-longer-than-life", alone(partial(grey, 320)), cause="greylisted"),
]
