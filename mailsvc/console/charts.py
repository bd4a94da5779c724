"""The geometry of charts: bars over time and parts of a whole, as numbers for the templates to draw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailsvc.domain.figures import Figures

#: A chart's drawing surface, in units of its own.
WIDTH = 720.0
HEIGHT = 120.0
#: What is not nothing has this height at least: one late code among thousands must be seen.
SEEN = 3.0
#: Parts of the way that a mail takes, in their order.
STAGES = ("queue", "dns", "connect", "tls", "transfer")


@dataclass(frozen=True, slots=True)
class Bar:
    """The codes of one stretch of time."""

    at: float
    figures: Figures
    x: float
    width: float
    late: float  #: height of the part that was not on time, on top
    on_time: float

    @property
    def top(self) -> float:
        """Where the bar begins."""
        return HEIGHT - self.on_time - self.late


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars over time."""

    name: str
    span: int  #: seconds of one bar
    bars: Sequence[Bar]  #: of the stretches that had codes
    highest: int  #: codes of the fullest stretch
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a whole."""

    name: str
    value: float
    x: float  #: per cent
    width: float  #: per cent


def over_time(name: str, found: Sequence[tuple[float, Figures]], *, span: int, bars: int, now: float) -> Chart:
    """Return the chart of the last ``bars`` stretches of ``span`` seconds, the current one included."""
    first = now // span * span - (bars - 1) * span
    highest = max((figures.codes for at, figures in found if at >= first), default=0)
    step = WIDTH / bars
    unit = (HEIGHT - SEEN) / max(highest, 1)
    return Chart(
        name=name,
        span=span,
        bars=[
            Bar(
                at=at,
                figures=figures,
                x=round((at - first) / span * step, 1),
                width=round(step * 0.84, 1),
                late=_height((figures.codes - figures.on_time) * unit),
                on_time=round(figures.on_time * unit, 1),
            )
            for at, figures in found
            if at >= first and figures.codes
        ],
        highest=highest,
        since=first,
        until=now,
    )


def _height(exact: float) -> float:
    return round(max(exact, SEEN), 1) if exact else 0.0


def parts(values: Mapping[str, float], order: Sequence[str] = STAGES) -> Sequence[Part]:
    """Return the parts of a whole beside each other, in an order."""
    whole = sum(values.get(name, 0.0) for name in order)
    found: list[Part] = []
    x = 0.0
    for name in order:
        width = values.get(name, 0.0) / whole * 100 if whole else 0.0
        found.append(Part(name, values.get(name, 0.0), round(x, 2), round(width, 2)))
        x += width
    return found
