"""Addresses with which something is wrong: listed, looked at, shown in full, cleared, taken away as a file.

An address is masked until an operator asks for it, which is noted; it stands in no URL. One is named by the id of its
last change, or by a message to it.
"""

import csv
import io
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from mailsvc.checks.address import parse_recipient
from mailsvc.checks.audit.cells import harmless
from mailsvc.console import text
from mailsvc.console.page import ROOT, Visit, to
from mailsvc.domain.address import AddressError, parse
from mailsvc.domain.address_state import AddressState
from mailsvc.store import Connection, Transaction, actions, address_states, lookups, messages
from mailsvc.store.actions import Action
from mailsvc.store.lookups import Known

SHOWN = 50
BATCH = 500
REASON_MAX = 200
_FLAGGED = tuple(state for state in AddressState if state.flagged)
_COLUMNS = ("address", "state", "category", "since", "until", "source", "at", "message", "reply")


async def listing(visit: Visit) -> Response:
    """Show the flagged addresses, the last changed first."""
    chosen = visit.query("state", _FLAGGED)
    state = AddressState(chosen) if chosen else None

    def look(connection: Connection) -> dict[str, Any]:
        found, more = lookups.flagged(connection, visit.now, state=state, before=visit.query("before"), limit=SHOWN)
        counts = address_states.counts(connection)
        return {"found": found, "more": more, "counts": counts}

    return visit.render("addresses", state=state, parse=parse, **await visit.services.store.read(look))


async def page(visit: Visit) -> Response:
    """Show one address, masked."""
    handle = {name: value for name in ("change", "message") if (value := visit.query(name))}
    known = await visit.services.store.read(partial(_named, handle=handle, now=visit.now))
    return _shown(visit, known, whole=False)


async def find(visit: Visit) -> Response:
    """Show the address that somebody typed, who knows it anyway."""
    known = await visit.services.store.read(partial(_named, handle=visit.form, now=visit.now))
    return _shown(visit, known, whole=False)


async def reveal(visit: Visit) -> Response:
    """Show an address in full, and note who saw it."""

    def look(tx: Transaction) -> Known:
        known = _named(tx.connection, visit.form, visit.now)
        _note(tx, visit, Action.REVEAL, subject=parse(known.identity).masked)
        return known

    return _shown(visit, await visit.services.store.write(look), whole=True)


async def clear(visit: Visit) -> Response:
    """Clear the state of an address, for a reason."""
    reason = visit.form.get("reason", "").strip()
    if not reason or len(reason) > REASON_MAX:
        raise HTTPException(400)

    def change(tx: Transaction) -> None:
        known = _named(tx.connection, visit.form, visit.now)
        address_states.clear(tx, known.identity, reason, visit.now)
        _note(tx, visit, Action.CLEAR, subject=parse(known.identity).masked, detail=reason)

    await visit.services.store.write(change)
    return to(f"{ROOT}/addresses", notice="cleared")


async def export(visit: Visit) -> Response:
    """Send all flagged addresses in full as a file for a spreadsheet, and note who took it."""
    chosen = visit.form.get("state")
    state = AddressState(chosen) if chosen in _FLAGGED else None
    await visit.services.store.write(lambda tx: _note(tx, visit, Action.EXPORT, detail=state))
    headers = {"Content-Disposition": 'attachment; filename="addresses.csv"'}
    return StreamingResponse(_lines(visit, state), media_type="text/csv; charset=utf-8", headers=headers)


async def _lines(visit: Visit, state: AddressState | None) -> AsyncIterator[str]:
    yield "\ufeff" + _line(_COLUMNS)  # spreadsheets take UTF-8 for it only behind a mark
    before: str | None = None
    while True:
        page = partial(lookups.flagged, now=visit.now, state=state, before=before, limit=BATCH)
        found, before = await visit.services.store.read(page)
        for known in found:
            yield _line(_row(known))
        if before is None:
            return


def _row(known: Known) -> tuple[str, ...]:
    standing, last = known.record.standing, max(known.record.evidence, key=lambda one: one.at, default=None)
    told = (last.source, text.instant(last.at), last.message or "", last.reply or "") if last else ("",) * 4
    since, until = (text.instant(at) if at else "" for at in (standing.since, standing.until))
    return (parse(known.identity).wire, standing.state, standing.category or "", since, until, *told)


def _line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([harmless(text.visible(cell)) for cell in cells])
    return out.getvalue()


def _named(connection: Connection, handle: Mapping[str, str], now: float) -> Known:
    """Return the address that a request means; it is not found where nobody has mailed it, or it changed since."""
    known = None
    if change := handle.get("change"):
        known = lookups.address(connection, now, change=change)
    elif message_id := handle.get("message"):
        message = messages.get(connection, message_id)
        known = lookups.address(connection, now, tag=message.tag) if message else None
    elif typed := handle.get("address", "").strip():
        try:
            known = lookups.address(connection, now, identity=parse_recipient(typed).identity)
        except AddressError:
            known = None
    if known is None:
        raise HTTPException(404)
    return known


def _shown(visit: Visit, known: Known, *, whole: bool) -> Response:
    address = parse(known.identity)
    given = {**visit.form, **visit.request.query_params}
    handle = {name: given[name] for name in ("change", "message", "address") if name in given}
    if known.change:
        handle = {"change": known.change}
    return visit.render(
        "address",
        name=address.wire if whole else address.masked,
        whole=whole,
        handle=handle,
        known_address=known,
        guidance=visit.services.store.guide(
            known.record.standing.state, known.record.standing.category, address.domain.lower()
        ),
        reason_max=REASON_MAX,
    )


def _note(
    tx: Transaction, visit: Visit, action: Action, *, subject: str | None = None, detail: str | None = None
) -> None:
    assert visit.operator is not None
    actions.record(tx, visit.operator, action, visit.now, subject=subject, detail=detail)
