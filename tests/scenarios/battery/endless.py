"""Hosts that drip, never come to an end, or speak no SMTP, beside a healthy one; and a slow one that is honest."""

from dataclasses import replace

from tests.scenarios.battery.story import USUAL, Story, alone, beside_a_good_one, soon
from tests.support.smtp_script import ENDLESS_LINE, ENDLESS_REPLY, GARBAGE, Act, at_first, drip, say

#: Between two pieces of what never ends: a sender that reads on for ever is not to take the whole machine (seconds).
_PAUSE = 0.1
_DRIPS = drip("220 " + "welcome " * 20)
_DRIPS_ON = Act(sends=b"250-and more\r\n", drip=0.05, forever=True)
_SLOW = {step: USUAL[step] for step in ("banner", "mail", "rcpt", "data", "dot")}
_BAD: dict[str, tuple[str, Act, float]] = {
    "drips-banner": ("banner", _DRIPS, 10.0),
    "drips-at-rcpt": ("rcpt", drip("250 " + "certainly " * 20), 10.0),
    "drips-for-ever-at-ehlo": ("ehlo", _DRIPS_ON, 45.0),
    "endless-banner": ("banner", replace(ENDLESS_LINE, pause=_PAUSE), 0.0),
    "endless-ehlo": ("ehlo", replace(ENDLESS_REPLY, pause=_PAUSE), 0.0),
    "garbage-banner": ("banner", GARBAGE, 0.0),
    "garbage-at-rcpt": ("rcpt", GARBAGE, 0.0),
    "wrong-code-at-data": ("data", say("299 Go ahead"), 0.0),
}

STORIES = [
    *(
        Story(name=name, plan=beside_a_good_one({step: act}), within=soon(seconds))
        for name, (step, act, seconds) in _BAD.items()
    ),
    Story(
        name="drips-for-a-while",
        plan=alone(lambda: {"banner": at_first(_DRIPS, 15, USUAL["banner"])}),
        within=soon(23),
    ),
    Story(
        name="slow-everywhere",
        plan=alone(lambda: {step: say(act.sends.decode().strip(), after=4) for step, act in _SLOW.items()}),
        within=soon(20),
    ),
]
