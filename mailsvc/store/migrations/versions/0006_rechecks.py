"""Addresses whose domain is to be looked up again."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "rechecks",
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("address"),
    )
    op.create_index("rechecks_due", "rechecks", ["next_at"], unique=False)
