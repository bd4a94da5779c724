"""When body and final dot of an attempt were written."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply this step."""
    with op.batch_alter_table("attempts", recreate="always") as batch_op:
        batch_op.add_column(sa.Column("handed_over_at", sa.Double(), nullable=True))
