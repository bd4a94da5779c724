"""What is played: clean weeks, sites that lose codes, a backend that stops reporting."""

import copy
import random
import statistics
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.silent_discard.traffic import DAY, HOUR, SITES, World
from mailsvc.domain.discard import ALARM

#: The site that loses codes, its codes a minute, and the share that is lost.
SUBJECT = "carrier-a"
LOSSES = {
    50.0: (1.0, 0.5, 0.3, 0.25, 0.2),
    5.0: (1.0, 0.5, 0.3),
    0.5: (1.0, 0.5, 0.3),
}
_WARM = 14 * DAY
_MINUTE = 60.0
_TICK = 5.0  # seconds between two looks, as in the service
_WATCHED = DAY
#: When a site loses codes for so long, how soon is it over (seconds)?
_EPISODE = 2 * HOUR


@dataclass(frozen=True)
class Clean:
    """What weeks without loss brought."""

    weeks: int
    codes: int
    alarms: Counter[str]
    highest: Mapping[str, float]  #: evidence of each site at its height


@dataclass(frozen=True)
class Told:
    """What the runs of one story brought."""

    runs: int
    found: list[float]  #: seconds from the first lost code's acceptance to the alarm that is right
    wrong: Counter[str]  #: other alarms


def clean(seed: int, weeks: int) -> Clean:
    """Play weeks in which nothing is lost."""
    world = World(random.Random(seed))  # noqa: S311  a simulation
    highest: dict[str, float] = dict.fromkeys(SITES, 0.0)
    while world.now < weeks * 7 * DAY:
        world.run(_MINUTE, _MINUTE)
        for name, site in world.sites.items():
            highest[name] = max(highest[name], site.evidence)
    return Clean(weeks, world.codes, Counter(alarm.what for alarm in world.alarms), highest)


def warm(seed: int, rates: Mapping[str, tuple[float, float]], steady: frozenset[str] = frozenset()) -> World:
    """Return a world whose sites are known."""
    world = World(random.Random(seed), dict(rates), steady)  # noqa: S311  a simulation
    world.run(_WARM, _MINUTE)
    return world


def losing(rate: float) -> World:
    """Return a world in which the subject has so many codes a minute at every hour."""
    return warm(7, SITES | {SUBJECT: (rate, SITES[SUBJECT][1])}, frozenset({SUBJECT}))


def play(world: World, runs: int, lost: Callable[[str], float], right: frozenset[str]) -> Told:
    """Lose codes from a random hour on, again and again from the same past, until the right alarms are there."""
    told = Told(runs, [], Counter())
    for run in range(runs):
        here = _begin(world, run, lost)
        start = here.now
        while here.now < start + _WATCHED and not right <= {alarm.what for alarm in here.alarms}:
            here.run(_MINUTE, _TICK)
        told.found.extend(alarm.at + _TICK - start for alarm in here.alarms if alarm.what in right)
        told.wrong.update(alarm.what for alarm in here.alarms if alarm.what not in right)
    return told


def recover(world: World, runs: int) -> Told:
    """Lose codes for a while; return how soon after its end the alarm was over."""
    told = Told(runs, [], Counter())
    for run in range(runs):
        here = _begin(world, run, lambda name: float(name == SUBJECT))
        here.run(_EPISODE, _TICK)
        end = here.now
        here.lost = lambda _site, _at: 0.0
        while here.now < end + _WATCHED and not any(alarm.what == f"-{SUBJECT}" for alarm in here.alarms):
            here.run(_MINUTE, _TICK)
        told.found.extend(alarm.at + _TICK - end for alarm in here.alarms if alarm.what == f"-{SUBJECT}")
        told.wrong.update(alarm.what for alarm in here.alarms if alarm.what.removeprefix("-") != SUBJECT)
    return told


def _begin(world: World, run: int, lost: Callable[[str], float]) -> World:
    here = copy.deepcopy(world)
    here.rng = random.Random(run)  # noqa: S311  a simulation
    here.skip(here.rng.uniform(0, DAY))
    here.run(HOUR / 2, _TICK)  # so that the sites stand as they do in life
    if here.alarms:
        raise RuntimeError(f"an alarm before anything was lost: {here.alarms}")
    here.lost = lambda name, _at: lost(name)
    return here


def minutes(told: Told) -> str:
    """Write the median, the 95th and the 100th percentile, in minutes."""
    if not told.found:
        return "– | – | –"
    found = sorted(told.found)
    marks = (statistics.median(found), found[max(0, round(0.95 * len(found)) - 1)], found[-1])
    return " | ".join(f"{mark / _MINUTE:.1f}" for mark in marks)


def heights(told: Clean) -> str:
    """Write how near each site came to an alarm."""
    return ", ".join(f"{name} {height:.1f}" for name, height in told.highest.items()) + f"; an alarm is {ALARM:.0f}"
