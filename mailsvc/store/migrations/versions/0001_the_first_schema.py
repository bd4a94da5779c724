"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "addresses",
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("first_mailed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("identity"),
        sa.UniqueConstraint("tag"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "attempts",
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=False),
        sa.Column("host", sa.String(), nullable=True),
        sa.Column("ip", sa.String(), nullable=True),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("reply", sa.String(), nullable=True),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=True),
        sa.Column("permanence", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("tls", sa.String(), nullable=True),
        sa.Column("seconds", sa.JSON(), nullable=False),
        sa.Column("relayed", sa.Boolean(), nullable=False),
        sa.Column("fallback", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("message", "number"),
    )
    op.create_table(
        "challenges",
        sa.Column("api_key", sa.String(), nullable=False),
        sa.Column("challenge", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("api_key", "challenge"),
    )
    with op.batch_alter_table("challenges", schema=None) as batch_op:
        batch_op.create_index("challenges_by_age", ["at"], unique=False)

    op.create_table(
        "domains",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("took_mail_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("domain"),
    )
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("challenge", sa.String(), nullable=True),
        sa.Column("customer", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("events_by_age", ["at"], unique=False)

    op.create_table(
        "facts",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "idempotency",
        sa.Column("api_key", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("api_key", "key"),
    )
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.create_index("idempotency_by_age", ["at"], unique=False)

    op.create_table(
        "messages",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("api_key", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("to", sa.String(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("is_code", sa.Boolean(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("code", sa.LargeBinary(), nullable=True),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("challenge", sa.String(), nullable=True),
        sa.Column("customer", sa.String(), nullable=True),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("accepted_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("half_life", sa.Double(), nullable=False),
        sa.Column("at_risk", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("ambiguous", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.Double(), nullable=True),
        sa.Column("revoked", sa.String(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("category", sa.String(), nullable=True),
        sa.Column("cause", sa.String(), nullable=True),
        sa.Column("reply", sa.String(), nullable=True),
        sa.Column("relayed", sa.Boolean(), nullable=True),
        sa.Column("used_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index("messages_by_address", ["address", "accepted_at"], unique=False)
        batch_op.create_index("messages_by_challenge", ["challenge", "id"], unique=False)
        batch_op.create_index("messages_by_customer", ["customer", "id"], unique=False)
        batch_op.create_index("messages_by_reference", ["reference", "id"], unique=False)
        batch_op.create_index(
            "messages_queued",
            ["next_attempt_at"],
            unique=False,
            sqlite_where=sa.text("state = 'queued'"),
            postgresql_where=sa.text("state = 'queued'"),
        )
