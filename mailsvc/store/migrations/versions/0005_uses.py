"""What share of its codes each destination's customers use."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "uses",
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("known_since", sa.Double(), nullable=False),
        sa.Column("sent", sa.Double(), nullable=False),
        sa.Column("used", sa.Double(), nullable=False),
        sa.Column("recent", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.Double(), nullable=False),
        sa.Column("began", sa.Double(), nullable=False),
        sa.Column("episode_sent", sa.Integer(), nullable=False),
        sa.Column("episode_used", sa.Integer(), nullable=False),
        sa.Column("raised_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("destination"),
    )
    op.create_index("uses_by_age", "uses", ["at"], unique=False)
    condition = sa.text("raised_at IS NOT NULL")
    op.create_index(
        "uses_raised", "uses", ["raised_at"], unique=False, sqlite_where=condition, postgresql_where=condition
    )
    op.create_table(
        "use_reports",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("cursor", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("deaf_until", sa.Double(), nullable=False),
        sa.Column("missing_since", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
