"""How many rows have which verdict, which reason, and which domain.

A number is exact or not there: a domain is counted from its first row on, and beyond `DOMAINS_MAX` domains no further
one is, since memory must not grow with the list.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from heapq import nsmallest
from typing import Any, Self

from mailsvc.domain.check import ReasonCode, Verdict

#: Domains counted at most. A Japanese retail list of a million has some thousands.
DOMAINS_MAX = 250_000
_VERDICTS = tuple(Verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is said of one row."""

    verdict: Verdict
    reasons: Sequence[ReasonCode]  #: worst first
    suggestions: Sequence[str]  #: addresses, likeliest first
    wire: str | None  #: the address as it is mailed
    domain: str | None  #: ASCII, lower case; None where it is not known
    empty: bool  #: the row has no address at all


@dataclass(frozen=True, slots=True)
class DomainCount:
    """The rows of a domain."""

    domain: str
    verdicts: dict[Verdict, int]

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(self.verdicts.values())

    @property
    def not_ok(self) -> int:
        """Those that somebody should look at."""
        return self.rows - self.verdicts[Verdict.OK]


@dataclass(slots=True, kw_only=True)
class Tally:
    """The counts so far."""

    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)  #: a row counts once for each of its reasons
    domains: dict[str, list[int]] = field(default_factory=dict)  #: counts in the order of `Verdict`
    empty: int = 0  #: rows without an address; they count as rejected too
    uncounted: int = 0  #: rows of domains beyond `DOMAINS_MAX`
    odd: int = 0  #: rows with more or fewer cells than the header

    @property
    def rows(self) -> int:
        """All rows that were checked."""
        return self.verdicts.total()

    def add(self, answer: Answer, *, odd: bool) -> None:
        """Count a row."""
        self.verdicts[answer.verdict] += 1
        self.reasons.update(answer.reasons)
        self.empty += answer.empty
        self.odd += odd
        if answer.domain is None:
            return
        counts = self.domains.get(answer.domain)
        if counts is None and len(self.domains) < DOMAINS_MAX:
            counts = self.domains[answer.domain] = [0] * len(_VERDICTS)
        if counts is None:
            self.uncounted += 1
        else:
            counts[_VERDICTS.index(answer.verdict)] += 1

    def largest(self, limit: int) -> list[DomainCount]:
        """Return the domains with most rows, most first."""
        return _first(self._counted(), limit, lambda count: count.rows)

    def worst(self, limit: int) -> list[DomainCount]:
        """Return the domains with most rows that are not `Verdict.OK`, most first; none that has no such row."""
        return _first((count for count in self._counted() if count.not_ok), limit, lambda count: count.not_ok)

    def _counted(self) -> Iterator[DomainCount]:
        for domain, counts in self.domains.items():
            yield DomainCount(domain, dict(zip(_VERDICTS, counts, strict=True)))

    def kept(self) -> dict[str, Any]:
        """Return the counts as JSON takes them; `again` makes a tally of them."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @classmethod
    def again(cls, kept: dict[str, Any]) -> Self:
        """Return the tally that was kept."""
        counters = {name: Counter(kept[name]) for name in ("verdicts", "reasons")}
        return cls(**(kept | counters))


def _first(counts: Iterable[DomainCount], limit: int, number: Callable[[DomainCount], int]) -> list[DomainCount]:
    return nsmallest(limit, counts, key=lambda count: (-number(count), count.domain))
