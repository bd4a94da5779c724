"""Whether a receiving site takes codes and lets them vanish, seen from how few of them are used (issue 5.3).

Pure. A code that a site took is judged once, when nobody can enter it any more. Each site is compared with its own
usual share of used codes: a CUSUM, the running sum of the logarithm of how much likelier each code's fate is if only
half of the usual share arrives. It never falls under zero, is an alarm at `ALARM`, and the alarm ends when it is back
at zero. Before an alarm the other sites are asked: where they fall at the same time, it is the reports that are
missing. A site whose codes are seldom reported, or that is not known well enough, is not watched.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from math import log

from mailsvc.domain.message import CODE_LIFE_MAX

#: A report of use may come so much later than the end of a code's life (seconds).
GRACE = 30.0
#: A code is judged when it was accepted so long ago (seconds).
JUDGED_AFTER = CODE_LIFE_MAX + GRACE
#: Of its usual share, what a fallen site is assumed to have left.
FALLEN = 0.5
#: The evidence that is an alarm, and no more is collected (natural logarithm of a likelihood ratio).
ALARM = 26.0
#: What another site's codes say for or against missing reports counts so much at most, and so much decides.
SURE = 3.0
#: That reports are missing is said no sooner after the first code that spoke for it (seconds).
PATIENCE = 300.0
#: A site on which the others do not decide within so many codes is alone: if none of its last codes was used, reports
#: are missing.
ALONE = 50
#: The last codes of a site, remembered one by one.
RECENT = 30
#: While reports are missing, the codes accepted since so long ago tell whether they come again (seconds).
ASKED = JUDGED_AFTER + 600.0
#: After so long a code counts half in the usual share (seconds).
HALF_LIFE = 7 * 86400.0
#: A site is watched when it is known for so long (seconds), and by so many codes.
KNOWN_FOR = 86400.0
KNOWN_BY = 100.0
#: A site whose usual share is less is not watched: its codes are not reported.
USUAL_LEAST = 0.2
#: No site's usual share is taken to be more: a few customers who give up are no alarm.
USUAL_MOST = 0.92
#: When reports are missing for so long, nobody reports any more: everything is forgotten (seconds).
GIVEN_UP = 7 * 86400.0


class Verdict(Enum):
    """Why the codes of a site are not used."""

    DISCARD = auto()  #: the site lets them vanish
    NO_REPORTS = auto()  #: nobody reports their use
    UNSURE = auto()  #: the other sites have not said yet


class Turn(Enum):
    """What one code brings about."""

    SUSPECT = auto()  #: there is enough evidence for an alarm
    CLEARED = auto()  #: the alarm is over


@dataclass(frozen=True, slots=True)
class Code:
    """One code that a site took and that can be judged."""

    accepted_at: float
    used: bool
    recipient: str  #: tells recipients apart


@dataclass(slots=True, kw_only=True)
class Site:
    """What is known of one receiving site. Changed in place: it is one row, and thousands of codes pass over it."""

    destination: str
    known_since: float  #: acceptance of its first code
    at: float  #: acceptance of its last code; the next two counts are of that instant
    sent: float = 0.0  #: codes, older ones counting less
    used: float = 0.0  #: of these, the used ones
    recent: list[Code] = field(default_factory=list)  #: the last `RECENT`
    evidence: float = 0.0  #: 0 to `ALARM`
    began: float = 0.0  #: acceptance of the code at which the evidence, and the next two counts, began
    episode_sent: int = 0
    episode_used: int = 0
    raised_at: float | None = None  #: when the alarm was raised; None: there is none

    @property
    def usual(self) -> float:
        """The share of its codes that are used."""
        return self.used / self.sent if self.sent else 0.0

    @property
    def watched(self) -> bool:
        """Whether it is known well enough to say that it fell."""
        known = self.at - self.known_since >= KNOWN_FOR and self.sent >= KNOWN_BY
        return known and self.usual >= USUAL_LEAST

    def vote(self, since: float) -> float:
        """Return how far its codes accepted since then say that it fell, between -`SURE` and `SURE`."""
        if not self.watched:
            return 0.0
        steps = (_step(self.usual, used=code.used) for code in self.recent if code.accepted_at >= since)
        return min(SURE, max(-SURE, sum(steps)))

    def says_again(self, code: Code) -> bool:
        """Whether a recipient that used none lately used none again: one customer's trouble is not the site's."""
        return not code.used and any(old.recipient == code.recipient and not old.used for old in self.recent)

    def weigh(self, code: Code) -> None:
        """Add what a code says to the evidence."""
        step = _step(self.usual, used=code.used)
        if self.evidence == 0 and self.raised_at is None:
            if step < 0:
                return
            self.began, self.episode_sent, self.episode_used = code.accepted_at, 0, 0
        self.episode_sent += 1
        self.episode_used += code.used
        self.evidence = _within(self.evidence + step)

    def remember(self, code: Code) -> None:
        """Note a code as the last one; the counts grow older."""
        weight = 0.5 ** (max(0.0, code.accepted_at - self.at) / HALF_LIFE)
        self.sent *= weight
        self.used *= weight
        self.at = max(self.at, code.accepted_at)
        self.recent = [*self.recent[1 - RECENT :], code]

    def learn(self, code: Code) -> None:
        """Count a code in the usual share."""
        self.sent += 1
        self.used += code.used


@dataclass(slots=True, kw_only=True)
class Reports:
    """Whether anybody reports the use of codes."""

    deaf_until: float  #: nobody could report the use of codes accepted before: they, and older evidence, do not count
    missing_since: float | None = None  #: None: reports come


def hear(reports: Reports, site: Site, code: Code) -> Turn | None:
    """Take in one code of a site, in the order of acceptance; return what it brings about."""
    if code.accepted_at < reports.deaf_until or site.says_again(code):
        return None
    site.remember(code)
    if reports.missing_since is not None:
        return None
    if site.raised_at is None and site.began < reports.deaf_until:
        site.evidence = 0.0
    if site.watched:
        site.weigh(code)
    site.learn(code)
    if site.raised_at is None:
        return Turn.SUSPECT if site.evidence >= ALARM else None
    if site.evidence > 0:
        return None
    site.raised_at = None
    return Turn.CLEARED


def verdict(site: Site, others: Iterable[Site]) -> Verdict:
    """Say why a site has `ALARM`, given the other ones that took codes since its evidence began."""
    votes = sum(other.vote(site.began) for other in others)
    if votes <= -SURE:
        return Verdict.DISCARD
    decided = votes >= SURE or site.episode_sent >= ALONE
    if not decided or site.at - site.began < PATIENCE:
        return Verdict.UNSURE
    silent = votes >= 0 and not any(code.used for code in site.recent)
    return Verdict.NO_REPORTS if votes >= SURE or silent else Verdict.DISCARD


def accuse(reports: Reports, site: Site, others: Iterable[Site], now: float) -> bool:
    """Follow the verdict on a suspect; True when its alarm is raised."""
    if reports.missing_since is not None:
        return False
    said = verdict(site, others)
    if said is Verdict.NO_REPORTS:
        reports.missing_since = site.began
    elif said is Verdict.DISCARD:
        site.raised_at = now
    return said is Verdict.DISCARD


def ask(reports: Reports, sites: Iterable[Site], now: float) -> None:
    """While reports are missing, ask the sites that took codes in the last `ASKED` seconds whether they come again."""
    if reports.missing_since is not None and sum(site.vote(now - ASKED) for site in sites) <= -SURE:
        reports.missing_since, reports.deaf_until = None, now


def _step(usual: float, *, used: bool) -> float:
    """Return the logarithm of how much likelier a code's fate is at a fallen site."""
    # To the per mille: the tables are small, and nothing hangs on more.
    return _steps(round(min(usual, USUAL_MOST), 3))[used]


@lru_cache(maxsize=1001)
def _steps(usual: float) -> tuple[float, float]:
    """Return the steps of an unused and of a used code."""
    return log((1 - usual * FALLEN) / (1 - usual)), log(FALLEN)


def _within(evidence: float) -> float:
    return min(ALARM, max(0.0, evidence))
