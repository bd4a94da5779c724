"""The event log, and how far it is told; what the store knows of itself."""

from sqlalchemy import JSON, Boolean, Column, Double, Index, Integer, String, Table, text

from mailsvc.store.schema.base import SEQUENCE, metadata

_DUE = text("next_at IS NOT NULL")
_WAITING = text("parked IS NULL")
_PARKED = text("parked IS NOT NULL")

events = Table(
    "events",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False),
    Column("type", String, nullable=False),
    Column("at", Double, nullable=False),
    Column("message", String),
    Column("challenge", String),
    Column("customer", String),
    Column("address", String),
    Column("data", JSON, nullable=False),
    Index("events_by_age", "at"),
    sqlite_autoincrement=True,  # a number is never given twice, even after old events are deleted
)

#: How far each webhook endpoint has come in the log: what is up to the cursor is delivered, not wanted, or has a row
#: in ``webhook_deliveries``.
webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("endpoint", String, primary_key=True),  # a digest of its URL, which may hold a secret
    Column("url", String, nullable=False),  # without user part and query
    Column("cursor", SEQUENCE, nullable=False),
    Column("since", Double, nullable=False),  # of this cursor; no event is given up for what was before
    Column("configured", Boolean, nullable=False),
)

#: Events that an endpoint has not taken: they are tried again, wait behind an earlier one of their lane, or are parked.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("endpoint", String, primary_key=True),
    Column("seq", SEQUENCE, primary_key=True, autoincrement=False),
    Column("lane", String, nullable=False),
    Column("at", Double, nullable=False),  # from here on its time runs out
    Column("tries", Integer, nullable=False),
    Column("next_at", Double),  # null: behind another one, or parked
    Column("problem", String),  # why the last try failed
    Column("parked", String),  # ``whp_…``, sorting by time; null: it is still to be delivered
    Index("webhook_due", "endpoint", "next_at", sqlite_where=_DUE, postgresql_where=_DUE),
    Index("webhook_lanes", "endpoint", "lane", "seq", sqlite_where=_WAITING, postgresql_where=_WAITING),
    Index("webhook_waiting", "endpoint", "seq", sqlite_where=_WAITING, postgresql_where=_WAITING),
    Index("webhook_parked", "endpoint", "parked", sqlite_where=_PARKED, postgresql_where=_PARKED),
    Index("webhook_by_event", "seq"),
    Index("webhook_by_lane", "lane"),
)

#: What the store knows of itself: ``log`` is the name of the event log.
facts = Table(
    "facts",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)
