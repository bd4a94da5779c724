"""Are codes on time, where not, since when, whose part is it: what the overview says first.

Pure. Works on the last quarter of an hour: less has too few codes at night, more hides what has begun.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailsvc.domain.figures import Figures, total
from mailsvc.domain.outcome import Category

#: Seconds that count as "now".
NOW = 900.0
#: Shares of codes that have to be on time: below the first something is wrong, below the second much is.
GOOD = 0.99
BAD = 0.95
#: Of fewer codes nothing is said of a site.
ENOUGH = 5


class Level(StrEnum):
    """How things are."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    QUIET = "quiet"  #: there were no codes


@dataclass(frozen=True, slots=True)
class Trouble:
    """A receiving site whose codes are not on time."""

    destination: str
    share: float
    codes: int
    since: float  #: the first minute from which on no minute was well
    side: str | None  #: the `Side` whose part it mostly is; None: no attempt says
    category: str | None  #: the `Category` that came back most, but for deliveries


def level(share: float | None) -> Level:
    """Return how a share of codes on time is."""
    if share is None:
        return Level.QUIET
    if share >= GOOD:
        return Level.GOOD
    return Level.WARN if share >= BAD else Level.BAD


def trouble(destination: str, minutes: Sequence[tuple[float, Figures]], now: float) -> Trouble | None:
    """Return what is wrong with a site by its figures of the last hours, minute by minute; None while nothing is."""
    recent = total([figures for at, figures in minutes if at >= now - NOW])
    if recent.codes < ENOUGH or level(recent.share) in (Level.GOOD, Level.QUIET):
        return None
    assert recent.share is not None
    return Trouble(
        destination=destination,
        share=recent.share,
        codes=recent.codes,
        since=_began(minutes, now),
        side=_largest(recent.sides),
        category=_largest({name: many for name, many in recent.categories.items() if name != Category.DELIVERED}),
    )


def _began(minutes: Sequence[tuple[float, Figures]], now: float) -> float:
    began = now
    for at, figures in reversed(minutes):
        if figures.share is not None:
            if figures.share >= GOOD:
                break
            began = at
    return began


def _largest(counts: Mapping[str, int]) -> str | None:
    name = max(counts, key=lambda one: counts[one], default=None)
    return name if name is not None and counts[name] else None
