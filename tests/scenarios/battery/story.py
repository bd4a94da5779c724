"""A story of the battery: what a domain's hosts and DNS do, the codes sent there, and how it must end.

The same stories are played to mailsvc by the tests and, side by side with Postfix, by ``bench/in_window``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.scenarios.battery.site import Site
from tests.support.smtp_script import Act, Rule, Session, say

#: The life of a code (seconds).
LIFE = 300.0
#: A code that arrives with less life than this is dead: nobody can type it any more (seconds).
GUARD = 20.0
#: A busy machine may be so late (seconds).
TOLERANCE = 15.0
#: The outcome is known so long after the deadline at the latest (seconds).
AFTER_DEADLINE = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One situation. Seconds count from the submit of each code."""

    name: str  #: letters, digits and hyphens: part of a domain
    plan: Callable[[Site], None]
    life: float = LIFE
    submits: tuple[float, ...] = (0.0, 0.0, 0.0)  #: one code each, so many seconds after the start
    within: float | None = None  #: a try would be taken, and the code arrives so soon at the latest; None: none would
    state: str = "sent"
    category: str | None = None  #: of the outcome
    cause: str | None = None  #: of the outcome
    known_within: float | None = None  #: the outcome, where that says more than the deadline does
    copies: int = 1  #: the most that may be stored of one code

    @property
    def lasts(self) -> float:
        """The seconds until everything is known."""
        longest = self.within if self.within is not None and self.known_within is None else self.known_by
        return max(self.submits) + longest

    @property
    def known_by(self) -> float:
        """The seconds until an outcome is known at the latest."""
        return self.life + AFTER_DEADLINE if self.known_within is None else self.known_within + TOLERANCE


def soon(seconds: float = 0.0) -> float:
    """Return by when something arrives that needs so many seconds."""
    return seconds + TOLERANCE


def expired(name: str, plan: Callable[[Site], None], *, cause: str, life: float = LIFE, last: float = 0.0) -> Story:
    """Return a story in which no try is taken: it ends when no further one fits, ``last`` seconds after that began."""
    return Story(
        name=name, plan=plan, life=life, state="expired", category="expired", cause=cause,
        known_within=life - 35.0 + last,
    )  # fmt: skip


#: What a healthy host says where a story lets it be healthy again.
USUAL: Mapping[str, Act] = {
    "banner": say("220 peer.example ESMTP"),
    "ehlo": say("250-peer.example\n250-PIPELINING\n250 8BITMIME"),
    "mail": say("250 2.1.0 Ok"),
    "rcpt": say("250 2.1.5 Ok"),
    "data": say("354 Go ahead"),
    "body": Act(),
    "dot": say("250 2.0.0 Ok: queued"),
}


def first_time(act: Act, later: Act) -> Rule:
    """Take ``act`` the first time each recipient comes to a step, then ``later``."""
    seen: set[bytes] = set()

    def choose(session: Session) -> Act:
        if session.rcpt_line in seen:
            return later
        seen.add(session.rcpt_line)
        return act

    return choose


def beside_a_good_one(script: Mapping[str, Act | Rule], **options: Any) -> Callable[[Site], None]:
    """Return the plan of a primary host with this script and a healthy secondary."""

    def plan(site: Site) -> None:
        site.host(script, preference=10, **options)
        site.host(preference=20)

    return plan


def alone(script: Callable[[], Mapping[str, Act | Rule]], **options: Any) -> Callable[[Site], None]:
    """Return the plan of one host; the script is made anew for each site, since rules remember."""

    def plan(site: Site) -> None:
        site.host(script(), **options)

    return plan
