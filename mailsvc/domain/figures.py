"""How the codes of a stretch of time fared: on time or not, how fast, what came back, whose part it was.

Pure. Figures are added up, over minutes, hours and sites; nothing here names a message or a recipient.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate

from mailsvc.domain.outcome import Category

#: Bounds of the times from accept to 250 (seconds); above the last lies what took longer.
BOUNDS = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)


class Side(StrEnum):
    """Whose part it is that an attempt did not deliver."""

    OURS = "ours"  #: what we are, send, or send too much of
    THEIRS = "theirs"  #: the receiving site, or the network on the way
    RECIPIENTS = "recipients"  #: the mailbox or its settings


_OURS = frozenset(
    {
        Category.AUTH_FAILED,
        Category.REPUTATION_BLOCKED,
        Category.RATE_LIMITED,
        Category.SPAM_BLOCKED,
        Category.CONTENT_REJECTED,
        Category.MESSAGE_TOO_LARGE,
    }
)


def side_of(category: Category) -> Side | None:
    """Return whose part a category is; None for what is no trouble."""
    if category is Category.DELIVERED:
        return None
    if category.of_recipient or category is Category.COMPLAINT:
        return Side.RECIPIENTS
    return Side.OURS if category in _OURS else Side.THEIRS


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Counts; ``a + b`` are those of both."""

    codes: int = 0  #: that could be delivered (`telemetry.on_time` tells which)
    on_time: int = 0  #: of these, taken within a minute
    times: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)  #: codes that were taken, by `BOUNDS`
    sides: Mapping[str, int] = field(default_factory=dict)  #: attempts that did not deliver, by `Side`
    categories: Mapping[str, int] = field(default_factory=dict)  #: attempts by what came back
    stages: Mapping[str, float] = field(default_factory=dict)  #: seconds that the attempts spent in each stage
    attempts: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            codes=self.codes + other.codes,
            on_time=self.on_time + other.on_time,
            times=tuple(mine + theirs for mine, theirs in zip(self.times, other.times, strict=True)),
            sides=_sum(self.sides, other.sides),
            categories=_sum(self.categories, other.categories),
            stages={
                stage: self.stages.get(stage, 0.0) + other.stages.get(stage, 0.0)
                for stage in {**self.stages, **other.stages}
            },
            attempts=self.attempts + other.attempts,
        )

    @property
    def share(self) -> float | None:
        """The share of codes that were on time, 0..1; None where there were none."""
        return self.on_time / self.codes if self.codes else None

    def share_within(self, seconds: float) -> float | None:
        """Return the share of codes that were taken within so many seconds, one of `BOUNDS`."""
        return sum(self.times[: BOUNDS.index(seconds) + 1]) / self.codes if self.codes else None

    def percentile(self, part: float) -> float | None:
        """Return in what time (seconds) a part (0..1) of the codes that were taken had been taken, interpolated.

        None where none were, infinity beyond the last bound.
        """
        wanted = part * sum(self.times)
        if not wanted:
            return None
        sums = list(accumulate(self.times))
        index = next(index for index, up_to in enumerate(sums) if up_to >= wanted)
        if index == len(BOUNDS):
            return float("inf")
        lower = BOUNDS[index - 1] if index else 0.0
        return lower + (BOUNDS[index] - lower) * (1 - (sums[index] - wanted) / self.times[index])


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    total = Counter(one)
    total.update(other)
    return dict(total)


def total(figures: Sequence[Figures]) -> Figures:
    """Return the figures of all together."""
    return sum(figures, Figures())
