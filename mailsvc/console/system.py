"""Our own side: the health of our sending identity, and the settings this process runs with."""

from starlette.responses import Response

from mailsvc.console.page import Visit


async def sender(visit: Visit) -> Response:
    """Show what the last examination of our sending identity found (`mailsvc doctor`)."""
    return visit.render("sender", examination=visit.services.examination())


async def settings(visit: Visit) -> Response:
    """Show every setting; a secret is shown as set or not."""
    svc = visit.services
    return visit.render("settings", settings=svc.settings, failing=svc.failing(), late=svc.late())
