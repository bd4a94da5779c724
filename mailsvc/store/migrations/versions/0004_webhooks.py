"""What each webhook endpoint was told, and what is parked."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "webhook_endpoints",
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("cursor", _SEQUENCE, nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("configured", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("seq", _SEQUENCE, autoincrement=False, nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.Double(), nullable=True),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("parked", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("endpoint", "seq"),
    )
    for name, columns, where in (
        ("webhook_due", ["endpoint", "next_at"], "next_at IS NOT NULL"),
        ("webhook_lanes", ["endpoint", "lane", "seq"], "parked IS NULL"),
        ("webhook_waiting", ["endpoint", "seq"], "parked IS NULL"),
        ("webhook_parked", ["endpoint", "parked"], "parked IS NOT NULL"),
    ):
        condition = sa.text(where)
        op.create_index(
            name, "webhook_deliveries", columns, unique=False, sqlite_where=condition, postgresql_where=condition
        )
    op.create_index("webhook_by_event", "webhook_deliveries", ["seq"], unique=False)
