"""Recipients: addresses with what is known of them, and their domains."""

from sqlalchemy import Column, Double, Index, Integer, String, Table, text

from mailsvc.store.schema.base import metadata

_FLAGGED = text("changed IS NOT NULL")
_LAPSING = text("until IS NOT NULL")

addresses = Table(
    "addresses",
    metadata,
    Column("identity", String, primary_key=True),
    Column("tag", String, nullable=False, unique=True),
    Column("first_mailed_at", Double, nullable=False),
    Column("state", String, nullable=False),
    Column("since", Double),
    Column("until", Double),
    Column("category", String),
    Column("passed_at", Double),
    Column("proof_at", Double),  # the last submit that was let through although the address is undeliverable
    Column("changed", String),  # ``adr_…``, sorting by time: its last change; null: nothing is wrong with it
    Index("addresses_flagged", "changed", "state", sqlite_where=_FLAGGED, postgresql_where=_FLAGGED),
    Index("addresses_lapsing", "until", sqlite_where=_LAPSING, postgresql_where=_LAPSING),
)

#: What flags an address. A message says the same thing of it once.
evidence = Table(
    "evidence",
    metadata,
    Column("address", String, primary_key=True),
    Column("source", String, primary_key=True),
    Column("category", String, primary_key=True),
    Column("message", String, primary_key=True),  # empty: of none
    Column("at", Double, nullable=False),
    Column("strength", String, nullable=False),
    Column("stage", String),
    Column("reply", String),
    Column("destination", String, nullable=False),
    Index("evidence_by_destination", "destination", "at"),
)

domains = Table(
    "domains",
    metadata,
    Column("domain", String, primary_key=True),  # lower case
    Column("took_mail_at", Double, nullable=False),
)

#: Addresses that were checked while DNS gave no answer about their domain: it is looked up again.
rechecks = Table(
    "rechecks",
    metadata,
    Column("address", String, primary_key=True),  # identity
    Column("since", Double, nullable=False),  # of the first check
    Column("looks", Integer, nullable=False),  # that gave no answer since
    Column("next_at", Double, nullable=False),
    Index("rechecks_due", "next_at"),
)
