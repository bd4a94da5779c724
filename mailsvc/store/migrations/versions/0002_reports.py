"""Reports that came in, and what they said of messages."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply this step."""
    with op.batch_alter_table("messages", recreate="always") as batch_op:
        batch_op.add_column(sa.Column("feedback", sa.JSON(), nullable=True))

    op.create_table(
        "reports",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("reports_by_digest", "reports", ["digest", "received_at"], unique=False)
    for state in ("pending", "quarantined"):
        condition = sa.text(f"state = '{state}'")
        op.create_index(
            f"reports_{state}",
            "reports",
            ["id"],
            unique=False,
            sqlite_where=condition,
            postgresql_where=condition,
        )
