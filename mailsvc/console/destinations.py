"""The receiving sites: which of them get codes on time, and where the time goes at one of them."""

from functools import partial
from typing import Any

from starlette.responses import Response

from mailsvc.console import charts, health
from mailsvc.console.page import Visit
from mailsvc.domain.figures import total
from mailsvc.store import Connection, figures, shares, uses

#: What a list covers: the rows to add up, and for how long (seconds).
WINDOWS = {"hour": (figures.MINUTE, 3600.0), "day": (figures.HOUR, 86400.0)}
SITES_MAX = 100
DAYS = 14


async def listing(visit: Visit) -> Response:
    """Show all sites, those with most codes not on time first."""
    window = visit.query("window", tuple(WINDOWS)) or "hour"
    span, seconds = WINDOWS[window]
    found = await visit.services.store.read(
        partial(figures.by_destination, span=span, since=visit.now - seconds, limit=SITES_MAX)
    )
    return visit.render("destinations", found=found, window=window, windows=tuple(WINDOWS), health=health)


async def page(visit: Visit) -> Response:
    """Show one site."""
    name = visit.request.path_params["name"].lower()

    def look(connection: Connection) -> dict[str, Any]:
        minutes = figures.of(connection, name, figures.MINUTE, visit.now - 3600)
        hours = figures.of(connection, name, figures.HOUR, visit.now - DAYS * 86400)
        day = total([one for at, one in hours if at >= visit.now - 86400])
        return {
            "hour": total([one for _, one in minutes]),
            "day": day,
            "charts": [
                charts.over_time("hour", minutes, span=figures.MINUTE, bars=60, now=visit.now),
                charts.over_time("day", hours, span=figures.HOUR, bars=24, now=visit.now),
                charts.over_time("fortnight", hours, span=figures.HOUR, bars=24 * DAYS, now=visit.now),
            ],
            "stages": charts.parts(day.stages),
            "categories": sorted(day.categories.items(), key=lambda item: -item[1]),
            "trouble": health.trouble(name, minutes, visit.now),
            "frozen_at": shares.frozen(connection).get(name),
            "discarding": name in uses.standing(connection).discarding,
        }

    return visit.render(
        "destination",
        name=name,
        health=health,
        in_force=visit.services.in_force(name),
        **await visit.services.store.read(look),
    )
