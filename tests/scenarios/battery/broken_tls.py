"""TLS that is offered and does not work: opportunistic, so the mail goes in clear; a bad certificate is no fault."""

import datetime as dt
from functools import partial

from tests.scenarios.battery.site import Site
from tests.scenarios.battery.story import Story, alone, soon
from tests.support.smtp import certificate
from tests.support.smtp_script import RESET, Act, Script, Then, say

_OFFERED = ("PIPELINING", "8BITMIME", "STARTTLS")
_GO = b"220 2.0.0 Ready to start TLS\r\n"
_BROKEN: dict[str, tuple[Act, float]] = {
    "refused": (say("454 4.7.0 TLS not available"), 0.0),
    "refused-for-good": (say("502 5.5.1 Not implemented"), 0.0),
    "clear-text": (Act(sends=_GO), 0.0),
    "closed": (Act(sends=_GO, then=Then.CLOSE), 0.0),
    "hangs": (Act(sends=_GO, then=Then.HANG), 10.0),
    "reset": (RESET, 0.0),
}


def _script(answer: Act) -> Script:
    return {"starttls": answer}


def _certificate(site: Site) -> None:
    """Plan a host whose certificate is out of date, another's, and of an authority that nobody knows."""
    ended = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    site.host(tls=certificate("other.example", not_before=ended - dt.timedelta(days=9), not_after=ended))


STORIES = [
    *(
        Story(
            name=f"tls-{kind}",
            plan=alone(partial(_script, answer), capabilities=_OFFERED),
            within=soon(seconds),
        )
        for kind, (answer, seconds) in _BROKEN.items()
    ),
    Story(name="tls-bad-certificate", plan=_certificate, within=soon()),
]
