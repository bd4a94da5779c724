"""What is mailed and what comes of it: messages, attempts, what callers may ask of them, reports.

The only column of all that ever holds a login code is ``messages.code``, encrypted and nulled at the final outcome.
"""

from sqlalchemy import JSON, Boolean, Column, Double, Index, Integer, LargeBinary, String, Table, text

from mailsvc.store.schema.base import metadata

_QUEUED = text("state = 'queued'")
_PENDING = text("state = 'pending'")
_QUARANTINED = text("state = 'quarantined'")

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
    Column("feedback", JSON(none_as_null=True)),  # a list; null: nothing came back
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
    Column("destination", String),
    Column("handed_over_at", Double),
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

#: Mails that came in, above all bounces; their bodies are encrypted, and deleted once they are read.
reports = Table(
    "reports",
    metadata,
    Column("id", String, primary_key=True),
    Column("received_at", Double, nullable=False),
    Column("source", String, nullable=False),
    Column("recipient", String),  # the envelope recipient it came to
    Column("digest", String, nullable=False),  # keyed, of recipient and body: a repeat is known by it
    Column("raw", LargeBinary),
    Column("state", String, nullable=False),
    Column("tries", Integer, nullable=False),  # readings that failed
    Column("problem", String),  # why it cannot be read, or why it changed nothing
    Column("kind", String),
    Column("message", String),  # the one that it is about
    Index("reports_by_digest", "digest", "received_at"),
    Index("reports_pending", "id", sqlite_where=_PENDING, postgresql_where=_PENDING),
    Index("reports_quarantined", "id", sqlite_where=_QUARANTINED, postgresql_where=_QUARANTINED),
)
