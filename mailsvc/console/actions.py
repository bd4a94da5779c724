"""What operators did."""

from functools import partial

from starlette.responses import Response

from mailsvc.console.page import Visit
from mailsvc.store import actions

SHOWN = 100


async def listing(visit: Visit) -> Response:
    """Show it, newest first."""
    page = partial(actions.page, before=visit.query("before"), limit=SHOWN)
    found, more = await visit.services.store.read(page)
    return visit.render("actions", found=found, more=more)
