"""Webhook endpoints: how far behind each is, what is parked, and to have it sent again."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailsvc.console.page import ROOT, Visit, to
from mailsvc.domain.identifier import instant_of
from mailsvc.store import Transaction, actions
from mailsvc.store.actions import Action
from mailsvc.webhooks.hub import LATE, UnknownEndpoint

SHOWN = 50


async def listing(visit: Visit) -> Response:
    """Show the endpoints and the parked events."""
    hub = visit.services.webhooks
    parked, more = await hub.parked(None, before=visit.query("before"), limit=SHOWN)
    return visit.render(
        "webhooks", states=await hub.states(), parked=parked, more=more, instant_of=instant_of, late=LATE
    )


async def replay(visit: Visit) -> Response:
    """Send what is parked for an endpoint again: all of it, or one event."""
    assert visit.operator is not None
    url, event = visit.form.get("url", ""), visit.form.get("event") or None
    operator = visit.operator

    def note(tx: Transaction, endpoint: str) -> None:
        actions.record(tx, operator, Action.REPLAY, visit.now, subject=endpoint, detail=event)

    try:
        count = await visit.services.webhooks.requeue(url, event, beside=note)
    except UnknownEndpoint:
        raise HTTPException(404) from None
    return to(f"{ROOT}/webhooks", notice="replayed" if count else "nothing_parked")
