"""Which codes were used, judged site by site as ``domain.discard`` says; what is known of a site outlives the process.

One step is one transaction: the codes that are due, what they say of their sites, the events, and how far it has come.
So a code is judged once, whenever the process is killed. A login is one code: an unused one that a newer code to the
same address followed within its life, or beside which another one was used, is left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, or_, select

from mailsvc.domain.discard import ASKED, GIVEN_UP, JUDGED_AFTER, Code, Reports, Site, Turn, accuse, ask, hear
from mailsvc.domain.event import EventType
from mailsvc.domain.identifier import earliest_id
from mailsvc.domain.message import CODE_LIFE_MAX, MessageState
from mailsvc.domain.view import discard_view
from mailsvc.store.schema import attempts, messages, use_reports, uses
from mailsvc.store.sql import Prepared, upsert
from mailsvc.store.transaction import Transaction

#: Codes that one step judges.
BATCH = 500
#: When the last step was so long ago, the service was away, and reports of use had nobody to take them (seconds).
AWAY = 60.0
#: Sites that are asked whether use is reported.
ASKED_SITES = 200

_REPORTS = "reports"
_SENT = MessageState.SENT.value
_other = messages.alias("other")
_answered_by_another = exists().where(
    _other.c.address == messages.c.address,
    _other.c.accepted_at.between(messages.c.accepted_at - CODE_LIFE_MAX, messages.c.accepted_at + CODE_LIFE_MAX),
    _other.c.id != messages.c.id,
    _other.c.is_code,
    or_(_other.c.used_at.is_not(None), and_(_other.c.state == _SENT, _other.c.id > messages.c.id)),
)
_DUE = Prepared(
    select(
        messages.c.id,
        messages.c.address,
        messages.c.tag,
        messages.c.accepted_at,
        messages.c.used_at,
        attempts.c.destination,
    )
    .outerjoin_from(
        messages, attempts, and_(attempts.c.message == messages.c.id, attempts.c.number == messages.c.attempts)
    )
    .where(
        messages.c.id > bindparam("cursor"),
        messages.c.id < bindparam("end"),
        messages.c.is_code,
        messages.c.state == _SENT,
        or_(messages.c.used_at.is_not(None), ~_answered_by_another),
    )
    .order_by(messages.c.id)
    .limit(BATCH)
)
_SITE = tuple(column.name for column in uses.columns if not column.primary_key)
_SAVE = upsert(uses, ["destination"], _SITE)
_PROGRESS = tuple(column.name for column in use_reports.columns if not column.primary_key)
_SAVE_PROGRESS = upsert(use_reports, ["name"], _PROGRESS)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the closed loop says now."""

    discarding: frozenset[str]  #: sites that let codes vanish
    missing_since: float | None  #: since when no used codes are reported; None: they are, or never were


def judge(tx: Transaction, now: float) -> bool:
    """Judge the codes that are due, a batch of them; True when more may be left. Begins with what is accepted now."""
    row = tx.connection.execute(select(use_reports)).one_or_none()
    if row is None:
        _save_progress(tx, Reports(deaf_until=now), earliest_id("msg", now), now)
        return False
    reports = Reports(deaf_until=row.deaf_until, missing_since=row.missing_since)
    if now - row.at > AWAY:
        reports.deaf_until = now
    end = earliest_id("msg", now - JUDGED_AFTER)
    due = _DUE.all(tx.connection, cursor=row.cursor, end=end)
    full = len(due) == BATCH
    if due:
        _judge(tx, reports, due, now)
    if reports.missing_since is not None and now - reports.missing_since > GIVEN_UP:
        reports = Reports(deaf_until=now)
        while forget(tx, now, now):
            pass
    _save_progress(tx, reports, due[-1].id if full else max(row.cursor, end), now)
    return full


def standing(connection: Connection) -> Standing:
    """Return what the closed loop says now."""
    raised = connection.execute(select(uses.c.destination).where(uses.c.raised_at.is_not(None))).scalars()
    missing_since = connection.execute(select(use_reports.c.missing_since)).scalar()
    return Standing(frozenset(raised), missing_since)


def forget(tx: Transaction, before: float, now: float) -> bool:
    """Forget a batch of the sites that had no code since then, ending their alarms; True when more may be left."""
    old = tx.connection.execute(select(uses).where(uses.c.at < before).limit(BATCH)).all()
    for site in map(_site, old):
        if site.raised_at is not None:
            site.raised_at = None
            _emit(tx, site, now)
    if old:
        tx.connection.execute(delete(uses).where(uses.c.destination.in_([row.destination for row in old])))
    return len(old) == BATCH


def _judge(tx: Transaction, reports: Reports, due: Sequence[Any], now: float) -> None:
    destinations = [row.destination or row.address.rpartition("@")[2] for row in due]
    sites = _sites(tx.connection, set(destinations))
    suspects: dict[str, Site] = {}
    for row, destination in zip(due, destinations, strict=True):
        code = Code(row.accepted_at, row.used_at is not None, row.tag)
        site = sites.setdefault(
            destination, Site(destination=destination, known_since=row.accepted_at, at=row.accepted_at)
        )
        turn = hear(reports, site, code)
        if turn is Turn.SUSPECT:
            suspects[destination] = site
        elif turn is Turn.CLEARED:
            _emit(tx, site, now)
    for site in sites.values():
        _save(tx, site)
    for site in suspects.values():
        if accuse(reports, site, _active(tx.connection, site.began, site.destination), now):
            _save(tx, site)
            _emit(tx, site, now)
    ask(reports, _active(tx.connection, now - ASKED), now)


def _emit(tx: Transaction, site: Site, now: float) -> None:
    tx.emit(EventType.DESTINATION_SILENT_DISCARD, now, data=discard_view(site))


def _sites(connection: Connection, destinations: set[str]) -> dict[str, Site]:
    found = connection.execute(select(uses).where(uses.c.destination.in_(destinations)))
    return {row.destination: _site(row) for row in found}


def _active(connection: Connection, since: float, but: str = "") -> Iterable[Site]:
    """Read the sites that took codes since then, when they are asked; of many, the ones with the latest codes."""
    query = select(uses).where(uses.c.at >= since, uses.c.destination != but)
    yield from map(_site, connection.execute(query.order_by(uses.c.at.desc()).limit(ASKED_SITES)))


def _site(row: Any) -> Site:
    fields = row._asdict()
    return Site(**fields | {"recent": [Code(*code) for code in row.recent]})


def _save(tx: Transaction, site: Site) -> None:
    fields = {name: getattr(site, name) for name in Site.__slots__}
    fields["recent"] = [(code.accepted_at, code.used, code.recipient) for code in site.recent]
    _SAVE.all(tx.connection, **fields)


def _save_progress(tx: Transaction, reports: Reports, cursor: str, now: float) -> None:
    _SAVE_PROGRESS.all(tx.connection, name=_REPORTS, cursor=cursor, at=now, **asdict(reports))
