"""The first page: are codes on time, where not, since when, whose part is it, what else is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from starlette.responses import Response

from mailsvc.console import charts, health
from mailsvc.console.health import Level, Trouble
from mailsvc.console.page import Visit
from mailsvc.domain.figures import Figures, total
from mailsvc.store import Connection, address_states, figures, lifecycle, lookups, reports, shares, uses
from mailsvc.telemetry.on_time import ON_TIME
from mailsvc.webhooks.hub import LATE

#: Codes that waited so long for the end of their first attempt are an alarm (seconds; RELIABILITY P19).
UNTRIED_MAX = 10.0
#: Receiving sites that the first page names.
NAMED = 5
DAYS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the store tells."""

    windows: Sequence[tuple[str, Figures]]  #: by name, the shortest first
    charts: Sequence[charts.Chart]
    troubles: Sequence[Trouble]
    backlog: lifecycle.Backlog
    late: int  #: queued codes that cannot be on time any more
    addresses: Mapping[str, int]  #: flagged ones by state
    reports: reports.Backlog
    frozen: Mapping[str, float]  #: sites that are not believed, with the instant since when
    uses: uses.Standing

    @property
    def level(self) -> Level:
        """How things are, over all."""
        now = health.level(self.windows[0][1].share)
        if self.troubles and now in (Level.GOOD, Level.QUIET):
            return Level.WARN
        return now


async def page(visit: Visit) -> Response:
    """Show it."""
    svc = visit.services
    known = await svc.store.read(partial(_look, now=visit.now))
    alarms = [("failing", f"{part}: {why}") for part, why in svc.failing().items()]
    alarms += [("late", f"{part}: {why}") for part, why in svc.late().items()]
    untried = 0.0 if known.backlog.untried is None else visit.now - known.backlog.untried
    alarms += [("untried", visit.say("alarm.untried_for", seconds=round(untried)))] if untried > UNTRIED_MAX else []
    alarms += [("frozen", site) for site in known.frozen]
    alarms += [("discarding", site) for site in sorted(known.uses.discarding)]
    alarms += [("unreported", "")] if known.uses.missing_since is not None else []
    level = Level.BAD if svc.failing() or untried > UNTRIED_MAX else known.level
    return visit.render(
        "overview",
        known=known,
        level=level,
        alarms=alarms,
        webhooks=[state for state in await svc.webhooks.states() if state.known.configured],
        current=known.windows[0][1],
        late=LATE,
        health=health,
    )


def _look(connection: Connection, now: float) -> Known:
    minutes = figures.of(connection, figures.ALL, figures.MINUTE, now - 3600)
    hours = figures.of(connection, figures.ALL, figures.HOUR, now - DAYS * 86400)
    windows = [
        ("now", _since(minutes, now - health.NOW)),
        ("hour", _since(minutes, now - 3600)),
        ("day", _since(hours, now - 86400)),
        ("fortnight", _since(hours, now - DAYS * 86400)),
    ]
    worst = figures.by_destination(connection, figures.MINUTE, now - health.NOW, NAMED)
    troubles = [
        health.trouble(
            site.destination,
            figures.of(connection, site.destination, figures.MINUTE, now - figures.KEPT[figures.MINUTE]),
            now,
        )
        for site in worst
    ]
    return Known(
        windows=windows,
        charts=[
            charts.over_time("hour", minutes, span=figures.MINUTE, bars=60, now=now),
            charts.over_time("day", hours, span=figures.HOUR, bars=24, now=now),
            charts.over_time("fortnight", hours, span=figures.HOUR, bars=24 * DAYS, now=now),
        ],
        troubles=[found for found in troubles if found],
        backlog=lifecycle.backlog(connection),
        late=lookups.late(connection, now - ON_TIME),
        addresses=address_states.counts(connection),
        reports=reports.backlog(connection),
        frozen=shares.frozen(connection),
        uses=uses.standing(connection),
    )


def _since(found: Sequence[tuple[float, Figures]], since: float) -> Figures:
    return total([one for at, one in found if at >= since])
