"""When a site calls many addresses unknown at once: then the site is at fault, and no address is flagged (DESIGN 4).

Pure. In December 2020 a large site answered 5.1.1 for living accounts for hours.
"""

from dataclasses import dataclass

_MINUTE = 60.0
#: What counts as "at once" (seconds).
WINDOW = 600.0
#: Fewer attempts that say "unknown" are no mass change.
LEAST = 20
#: How many times its usual share a site may call unknown.
TIMES = 10.0
#: Sites that are counted in one minute.
SITES = 10_000
#: After so long an attempt counts half in the usual share (seconds).
HALF_LIFE = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Counts:
    """Attempts at one site."""

    attempts: float = 0.0
    unknown: float = 0.0  #: of these, the ones that said there is no such mailbox

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.attempts + other.attempts, self.unknown + other.unknown)

    def aged(self, seconds: float) -> "Counts":
        """Return what they count for after so many seconds."""
        weight = 0.5 ** (seconds / HALF_LIFE)
        return Counts(self.attempts * weight, self.unknown * weight)


#: What is assumed of a site that is not known yet: one address in two hundred is wrong.
ASSUMED = Counts(200.0, 1.0)


def abnormal(window: Counts, history: Counts) -> bool:
    """Whether the attempts of the last `WINDOW` are a mass change against those of the time before."""
    usual = history + ASSUMED
    return window.unknown >= LEAST and window.unknown / window.attempts > TIMES * usual.unknown / usual.attempts


class Shares:
    """Counts the attempts at each site by the minute, for as long as they are within `WINDOW`."""

    def __init__(self) -> None:
        self._minutes: dict[int, dict[str, Counts]] = {}  # oldest first

    def count(self, destination: str, *, unknown: bool, now: float) -> None:
        """Count an attempt; of more than `SITES` in a minute the further ones are not counted."""
        sites = self._minutes.setdefault(int(now // _MINUTE), {})
        if destination in sites or len(sites) < SITES:
            sites[destination] = sites.get(destination, Counts()) + Counts(1.0, float(unknown))

    def window(self, destination: str, now: float) -> Counts:
        """Return the counts of a site within the last `WINDOW`, to the minute."""
        recent = (sites for minute, sites in self._minutes.items() if not _past(minute, now))
        return sum((sites[destination] for sites in recent if destination in sites), Counts())

    def take_past(self, now: float, most: int) -> list[tuple[str, Counts]]:
        """Take out up to ``most`` counts that are older."""
        taken: list[tuple[str, Counts]] = []
        for minute in [minute for minute in self._minutes if _past(minute, now)]:
            sites = self._minutes[minute]
            while sites and len(taken) < most:
                taken.append(sites.popitem())
            if not sites:
                del self._minutes[minute]
        return taken


def _past(minute: int, now: float) -> bool:
    return (minute + 1) * _MINUTE <= now - WINDOW
