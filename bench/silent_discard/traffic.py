"""A broker's customers, simulated: codes to seven sites by the time of day, and whether they are used.

Shares of use are 86 to 94 % in the mean and move with the hour (3 points), with the weeks (3 points) and at random from
hour to hour (1 point). A customer who did not get in tries again later with probability 0.3, at worse odds. Before and
at the opening of the market there is several times the usual traffic.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from mailsvc.domain.discard import ASKED, JUDGED_AFTER, Code, Reports, Site, Turn, accuse, ask, hear

DAY = 86400.0
HOUR = 3600.0
_CUSTOMERS = 30_000  # of one site
_AGAIN = 0.3  # probability that a customer who did not get in tries again, 7 to 30 minutes later
_AGAIN_USED = 0.6  # what is left of the share of use then

#: Mean codes a minute, and mean share of use.
SITES = {
    "carrier-a": (20.0, 0.88),
    "webmail-a": (16.0, 0.94),
    "carrier-b": (10.0, 0.86),
    "webmail-b": (6.0, 0.92),
    "provider": (2.0, 0.90),
    "company": (0.5, 0.89),
    "hamlet": (0.02, 0.90),
}


@dataclass
class Alarm:
    """What was told, when, and how long after acceptance of the code that decided."""

    at: float
    what: str  #: a site, ``-`` and a site for an alarm that is over, ``no reports``, ``reports``


@dataclass
class World:
    """Sites, their customers, and the loop that watches."""

    rng: random.Random
    rates: dict[str, tuple[float, float]] = field(default_factory=lambda: dict(SITES))
    steady: frozenset[str] = frozenset()  #: sites whose traffic is the same at every hour
    lost: Callable[[str, float], float] = lambda _site, _at: 0.0  #: the share of codes that vanish
    now: float = 0.0
    codes: int = 0
    alarms: list[Alarm] = field(default_factory=list)
    reports: Reports = field(default_factory=lambda: Reports(deaf_until=0.0))
    sites: dict[str, Site] = field(default_factory=dict)
    _coming: list[tuple[float, str, str, float]] = field(default_factory=list)
    _noise: dict[tuple[str, int], float] = field(default_factory=dict)

    def run(self, seconds: float, tick: float) -> None:
        """Let time pass; the codes of a tick are judged together."""
        end = self.now + seconds
        while self.now < end:
            self._judge(self._codes(tick))
            self.now += tick

    def skip(self, seconds: float) -> None:
        """Let time pass without codes; who was to try again has given up."""
        self.now += seconds
        self._coming.clear()

    def _codes(self, tick: float) -> list[tuple[str, Code]]:
        found = [(name, self._code(name, customer, odds)) for _, name, customer, odds in self._returning()]
        for name, (rate, _) in self.rates.items():
            expected = rate * tick / 60 * (1.0 if name in self.steady else busy(self.now))
            customers = (str(self.rng.randrange(_CUSTOMERS)) for _ in range(_poisson(self.rng, expected)))
            found.extend((name, self._code(name, customer, 1.0)) for customer in customers)
        return found

    def _code(self, name: str, customer: str, odds: float) -> Code:
        used = self.rng.random() < self._share(name) * odds * (1 - self.lost(name, self.now))
        if not used and self.rng.random() < _AGAIN:
            self._coming.append((self.now + self.rng.uniform(7 * 60, 30 * 60), name, customer, _AGAIN_USED))
        self.codes += 1
        return Code(self.now, used, customer)

    def _returning(self) -> list[tuple[float, str, str, float]]:
        due = [again for again in self._coming if again[0] <= self.now]
        if due:
            self._coming = [again for again in self._coming if again[0] > self.now]
        return due

    def _share(self, name: str) -> float:
        hour = int(self.now // HOUR)
        if (name, hour) not in self._noise:
            self._noise = {key: value for key, value in self._noise.items() if key[1] == hour}
            self._noise[name, hour] = self.rng.gauss(0, 0.01)
        wave = 0.03 * math.sin(math.tau * (self.now % DAY / HOUR - 6) / 24)
        drift = 0.03 * math.sin(math.tau * self.now / (70 * DAY))
        return min(0.98, self.rates[name][1] + wave + drift + self._noise[name, hour])

    def _judge(self, codes: list[tuple[str, Code]]) -> None:
        at = self.now + JUDGED_AFTER
        missing = self.reports.missing_since
        suspects = {}
        for name, code in codes:
            site = self.sites.setdefault(name, Site(destination=name, known_since=self.now, at=self.now))
            turn = hear(self.reports, site, code)
            if turn is Turn.SUSPECT:
                suspects[name] = site
            elif turn is Turn.CLEARED:
                self.alarms.append(Alarm(at, f"-{name}"))
        for name, site in suspects.items():
            others = [other for other in self.sites.values() if other is not site and other.at >= site.began]
            if accuse(self.reports, site, others, at):
                self.alarms.append(Alarm(at, name))
        ask(self.reports, (site for site in self.sites.values() if site.at >= at - ASKED), at)
        if (self.reports.missing_since is None) is not (missing is None):
            self.alarms.append(Alarm(at, "reports" if self.reports.missing_since is None else "no reports"))


def busy(at: float) -> float:
    """Return how many times the mean the traffic of an hour is: a peak at nine, a hill after noon, little at night."""
    hour = at % DAY / HOUR
    return 0.2 + 4.5 * math.exp(-(((hour - 8.9) / 0.6) ** 2)) + 1.4 * math.exp(-(((hour - 13.5) / 3.5) ** 2))


def _poisson(rng: random.Random, expected: float) -> int:
    """Draw a number of codes (Knuth); ``expected`` is small."""
    limit, drawn, product = math.exp(-expected), 0, rng.random()
    while product > limit:
        drawn += 1
        product *= rng.random()
    return drawn
