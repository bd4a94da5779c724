"""The tables: one definition for SQLite and PostgreSQL.

Instants are Unix seconds in UTC (``Double``): SQLite drops time zones, and every rule counts in seconds anyway.
The only column that ever holds a login code is ``messages.code``, encrypted and nulled at the final outcome.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    text,
)

metadata = MetaData()

# SQLite gives out row numbers for INTEGER keys only; PostgreSQL needs 64 bits for them.
_SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")
_QUEUED = text("state = 'queued'")

messages = Table(
    "messages",
    metadata,
    Column("id", String, primary_key=True),
    Column("api_key", String, nullable=False),
    Column("address", String, nullable=False),  # identity: lower case, unquoted
    Column("to", String, nullable=False),  # forward-path as it is sent
    Column("template", String, nullable=False),
    Column("is_code", Boolean, nullable=False),
    Column("locale", String, nullable=False),
    Column("code", LargeBinary),
    Column("reference", String, nullable=False),
    Column("tag", String, nullable=False),
    Column("challenge", String),
    Column("customer", String),
    Column("context", JSON, nullable=False),
    Column("accepted_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("half_life", Double, nullable=False),
    Column("at_risk", Boolean, nullable=False),
    Column("state", String, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("ambiguous", Integer, nullable=False),
    Column("next_attempt_at", Double),  # null: an attempt is open, or the message is final
    Column("revoked", String),
    Column("ended_at", Double),
    Column("category", String),
    Column("cause", String),
    Column("reply", String),
    Column("relayed", Boolean),
    Column("used_at", Double),
    Index("messages_by_challenge", "challenge", "id"),
    Index("messages_by_customer", "customer", "id"),
    Index("messages_by_reference", "reference", "id"),
    Index("messages_by_address", "address", "accepted_at"),
    Index("messages_queued", "next_attempt_at", sqlite_where=_QUEUED, postgresql_where=_QUEUED),
)

attempts = Table(
    "attempts",
    metadata,
    Column("message", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Double, nullable=False),
    Column("ended_at", Double, nullable=False),
    Column("host", String),
    Column("ip", String),
    Column("stage", String, nullable=False),
    Column("reply", String),
    Column("category", String, nullable=False),
    Column("cause", String),
    Column("permanence", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("status", String),
    Column("tls", String),
    Column("seconds", JSON, nullable=False),
    Column("relayed", Boolean, nullable=False),
    Column("fallback", Boolean, nullable=False),
)

#: One row per login attempt of a caller: locked while a newer code takes the place of older ones.
challenges = Table(
    "challenges",
    metadata,
    Column("api_key", String, primary_key=True),
    Column("challenge", String, primary_key=True),
    Column("message", String, nullable=False),
    Column("at", Double, nullable=False),
    Index("challenges_by_age", "at"),
)

addresses = Table(
    "addresses",
    metadata,
    Column("identity", String, primary_key=True),
    Column("tag", String, nullable=False, unique=True),
    Column("first_mailed_at", Double, nullable=False),
)

domains = Table(
    "domains",
    metadata,
    Column("domain", String, primary_key=True),  # lower case
    Column("took_mail_at", Double, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
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

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("digest", String, nullable=False, unique=True),
    Column("created_at", Double, nullable=False),
    Column("revoked_at", Double),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("api_key", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("fingerprint", String, nullable=False),
    Column("answer", JSON, nullable=False),
    Column("at", Double, nullable=False),
    Index("idempotency_by_age", "at"),
)

#: What the store knows of itself: ``log`` is the name of the event log.
facts = Table(
    "facts",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)
