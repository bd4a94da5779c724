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
_FLAGGED = text("changed IS NOT NULL")
_LAPSING = text("until IS NOT NULL")
_PENDING = text("state = 'pending'")
_QUARANTINED = text("state = 'quarantined'")
_FROZEN = text("frozen_at IS NOT NULL")
_DUE = text("next_at IS NOT NULL")
_WAITING = text("parked IS NULL")
_PARKED = text("parked IS NOT NULL")
_RAISED = text("raised_at IS NOT NULL")

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

#: How far each webhook endpoint has come in the log: what is up to the cursor is delivered, not wanted, or has a row
#: in ``webhook_deliveries``.
webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("endpoint", String, primary_key=True),  # a digest of its URL, which may hold a secret
    Column("url", String, nullable=False),  # without user part and query
    Column("cursor", _SEQUENCE, nullable=False),
    Column("since", Double, nullable=False),  # of this cursor; no event is given up for what was before
    Column("configured", Boolean, nullable=False),
)

#: Events that an endpoint has not taken: they are tried again, wait behind an earlier one of their lane, or are parked.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("endpoint", String, primary_key=True),
    Column("seq", _SEQUENCE, primary_key=True, autoincrement=False),
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
