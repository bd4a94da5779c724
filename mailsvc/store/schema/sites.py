"""Receiving sites: how much is believed of what they say, and how codes to them fare."""

from sqlalchemy import JSON, Column, Double, Index, Integer, String, Table, text

from mailsvc.store.schema.base import metadata

_FROZEN = text("frozen_at IS NOT NULL")
_RAISED = text("raised_at IS NOT NULL")

#: How many attempts a receiving site has had, older ones counting less, and how many of them it answered "unknown".
destinations = Table(
    "destinations",
    metadata,
    Column("destination", String, primary_key=True),
    Column("at", Double, nullable=False),  # of these counts
    Column("attempts", Double, nullable=False),
    Column("unknown", Double, nullable=False),
    Column("frozen_at", Double),  # since when nothing it says flags an address; null: it is believed
    Index("destinations_by_age", "at"),
    Index("destinations_frozen", "frozen_at", sqlite_where=_FROZEN, postgresql_where=_FROZEN),
)

#: What share of the codes that a receiving site took were used, older ones counting less, and what speaks for a fall.
uses = Table(
    "uses",
    metadata,
    Column("destination", String, primary_key=True),
    Column("at", Double, nullable=False),  # of these counts
    Column("known_since", Double, nullable=False),
    Column("sent", Double, nullable=False),
    Column("used", Double, nullable=False),
    Column("recent", JSON, nullable=False),  # its last codes: [accepted_at, used, the recipient's tag]
    Column("evidence", Double, nullable=False),
    Column("began", Double, nullable=False),  # the evidence, and these two counts
    Column("episode_sent", Integer, nullable=False),
    Column("episode_used", Integer, nullable=False),
    Column("raised_at", Double),  # null: no alarm
    Index("uses_by_age", "at"),
    Index("uses_raised", "raised_at", sqlite_where=_RAISED, postgresql_where=_RAISED),
)

#: How far the codes have been judged, and whether any are reported as used; one row.
use_reports = Table(
    "use_reports",
    metadata,
    Column("name", String, primary_key=True),
    Column("cursor", String, nullable=False),  # the id of the last message that was judged
    Column("at", Double, nullable=False),  # of the last look
    Column("deaf_until", Double, nullable=False),  # nobody could report the use of what was accepted before
    Column("missing_since", Double),  # null: they come
)

#: How codes fared in a minute or an hour, by receiving site; an empty name stands for all of them.
figures = Table(
    "figures",
    metadata,
    Column("span", Integer, primary_key=True, autoincrement=False),  # seconds
    Column("destination", String, primary_key=True),
    Column("at", Double, primary_key=True),  # when the span begins
    Column("codes", Integer, nullable=False),
    Column("on_time", Integer, nullable=False),
    Column("ours", Integer, nullable=False),  # attempts that did not deliver, by whose part that was
    Column("theirs", Integer, nullable=False),
    Column("recipients", Integer, nullable=False),
    Column("detail", JSON, nullable=False),  # times, categories, stages, attempts
    Index("figures_by_time", "span", "at"),
)
