"""Messages: found by whatever an operator knows of one, and the story of one."""

from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailsvc.checks.address import parse_recipient
from mailsvc.console import charts
from mailsvc.console.page import ROOT, Visit, to
from mailsvc.domain.address import AddressError, parse
from mailsvc.store import Connection, lookups, messages

#: Messages on a page.
SHOWN = 50
UNDELIVERED_MAX = 50


async def listing(visit: Visit) -> Response:
    """Show the newest messages, or those of a challenge, a customer or a reference."""
    before = visit.query("before")
    for name in lookups.NAMES:
        if value := visit.query(name):
            find = partial(lookups.named, names=(name,), value=value, limit=SHOWN)
            found = await visit.services.store.read(find)
            return visit.render("messages", found=found, sought=value, more=None, parse=parse)
    found = await visit.services.store.read(partial(lookups.newest, before=before, limit=SHOWN))
    more = found[-1].id if len(found) == SHOWN else None
    return visit.render("messages", found=found, sought=None, more=more, parse=parse)


async def search(visit: Visit) -> Response:
    """Show what is found by an id, a customer, a challenge, a reference or an address, which stands in no URL."""
    sought = visit.form.get("sought", "").strip()
    if not sought:
        return to(f"{ROOT}/messages")
    if "@" in sought:
        find = partial(lookups.to_address, identity=_identity(sought), limit=SHOWN)
    else:
        find = partial(lookups.named, names=lookups.NAMES, value=sought, limit=SHOWN)
    found = await visit.services.store.read(find)
    if not found and "@" not in sought:  # a reference is read out on the telephone
        again = partial(lookups.named, names=("reference",), value=sought.upper(), limit=SHOWN)
        found = await visit.services.store.read(again)
    if len(found) == 1:
        return to(f"{ROOT}/messages/{found[0].id}")
    return visit.render("messages", found=found, sought=sought, more=None, parse=parse)


async def page(visit: Visit) -> Response:
    """Show the story of one message."""
    message_id = visit.request.path_params["id"]

    def look(connection: Connection) -> dict[str, Any]:
        message = messages.get(connection, message_id)
        if message is None:
            raise HTTPException(404)
        attempts = messages.attempts_of(connection, message_id)
        return {
            "message": message,
            "masked": parse(message.to).masked,
            "attempts": attempts,
            "stages": [charts.parts(dict(attempt.seconds)) for attempt in attempts],
            "address": lookups.address(connection, visit.now, tag=message.tag),
            "undelivered": lookups.undelivered(connection, message_id, UNDELIVERED_MAX),
        }

    endpoints = await visit.services.webhooks.states()
    lag = max((state.lag for state in endpoints if state.known.configured), default=0.0)
    return visit.render("message", lag=lag, **await visit.services.store.read(look))


def _identity(sought: str) -> str:
    try:
        return parse_recipient(sought).identity
    except AddressError:
        return sought.lower()  # of no address that we would mail: nothing is found
