"""A primary host that leads nowhere, beside a secondary that would take the mail."""

from dataclasses import replace

from tests.scenarios.battery.site import Site
from tests.scenarios.battery.story import Story, beside_a_good_one, soon
from tests.support.smtp_script import HANG, RESET, Act, Then, say

#: Where a reply is awaited for ten seconds.
STAGES = ("banner", "ehlo", "mail", "rcpt", "data")
#: A dot that nobody answers is awaited until its repeat would come too late: 60 s of life.
_REPEAT = 240.0


def _refusing(site: Site) -> None:
    site.refusing(preference=10)
    site.host(preference=20)


def _silent(site: Site) -> None:
    site.silent(preference=10)
    site.host(preference=20)


_HANGS_UNSTORED = Story(
    name="primary-hangs-at-dot", plan=beside_a_good_one({"dot": HANG}), within=soon(_REPEAT), known_within=_REPEAT
)
_HANGS_STORED = Story(
    name="primary-hangs-at-dot-stored",
    plan=beside_a_good_one({"dot": Act(then=Then.HANG, stores=True)}),
    within=soon(),
    known_within=_REPEAT,
    copies=2,
)

STORIES = [
    Story(name="primary-refuses", plan=_refusing, within=soon()),
    Story(name="primary-silent", plan=_silent, within=soon(5)),
    Story(name="primary-silent-rush", plan=_silent, submits=(0.0,) * 40, within=soon(20)),
    *(
        Story(name=f"primary-hangs-at-{stage}", plan=beside_a_good_one({stage: HANG}), within=soon(10))
        for stage in STAGES
    ),
    _HANGS_UNSTORED,
    _HANGS_STORED,
    *(
        replace(story, name=f"{story.name}-short-life", life=125.0, known_within=65.0, within=within)
        for story, within in ((_HANGS_UNSTORED, soon(65)), (_HANGS_STORED, soon()))
    ),
    *(
        Story(name=f"primary-resets-at-{stage}", plan=beside_a_good_one({stage: RESET}), within=soon())
        for stage in (*STAGES, "body", "dot")
    ),
    Story(
        name="primary-lets-nobody-in",
        plan=beside_a_good_one({"banner": say("554 5.3.2 No SMTP service here", then=Then.CLOSE)}),
        within=soon(),
    ),
    Story(
        name="primary-in-trouble",
        plan=beside_a_good_one({"mail": say("451 4.3.0 Queue file write error")}),
        within=soon(4),
    ),
    *(
        Story(
            name=f"primary-mailbox-busy-{life:g}",
            plan=beside_a_good_one({"rcpt": say("450 4.2.1 Mailbox busy")}),
            life=life,
            within=soon(life - 34.0),
        )
        for life in (90.0, 300.0)
    ),
]
