"""A mailbox that is busy or full for a while, or for good."""

from tests.scenarios.battery.story import USUAL, Story, alone, expired, soon
from tests.support.smtp_script import at_first, say

_BUSY = say("450 4.2.1 Mailbox busy")
_FULL = say("452 4.2.2 Mailbox full")
_QUEUE_FULL = say("451 4.3.1 Insufficient system storage")

STORIES = [
    Story(name="mailbox-busy", plan=alone(lambda: {"rcpt": at_first(_BUSY, 12, USUAL["rcpt"])}), within=soon(23)),
    Story(
        name="mailbox-full-for-a-while",
        plan=alone(lambda: {"rcpt": at_first(_FULL, 30, USUAL["rcpt"])}),
        within=soon(48),
    ),
    Story(
        name="queue-full-at-dot", plan=alone(lambda: {"dot": at_first(_QUEUE_FULL, 12, USUAL["dot"])}), within=soon(23)
    ),
    expired("mailbox-full-for-a-short-life", alone(lambda: {"rcpt": _FULL}), cause="mailbox_full", life=60),
    expired("mailbox-busy-for-life", alone(lambda: {"rcpt": _BUSY}), cause="remote_temporary"),
    Story(
        name="mailbox-unknown",
        plan=alone(lambda: {"rcpt": say("550 5.1.1 User unknown")}),
        state="failed",
        category="user_unknown",
        known_within=0.0,
    ),
]
