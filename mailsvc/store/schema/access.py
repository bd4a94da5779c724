"""Who may do what, and who did."""

from sqlalchemy import JSON, Column, Double, Index, String, Table

from mailsvc.store.schema.base import metadata

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

#: Who is signed in to the console.
console_sessions = Table(
    "console_sessions",
    metadata,
    Column("digest", String, primary_key=True),  # of the secret in the cookie
    Column("key", String, nullable=False),
    Column("until", Double, nullable=False),
    Index("console_sessions_by_end", "until"),
)

#: What operators did.
operator_actions = Table(
    "operator_actions",
    metadata,
    Column("id", String, primary_key=True),  # ``act_…``, sorting by time
    Column("key", String, nullable=False),
    Column("name", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String),
    Column("detail", String),
)
