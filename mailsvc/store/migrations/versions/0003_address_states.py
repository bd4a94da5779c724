"""The state of an address and its evidence."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply this step."""
    with op.batch_alter_table("attempts", recreate="always") as batch_op:
        batch_op.add_column(sa.Column("destination", sa.String(), nullable=True))
    with op.batch_alter_table("addresses", recreate="always") as batch_op:
        batch_op.add_column(sa.Column("state", sa.String(), nullable=True))
        for name in ("since", "until"):
            batch_op.add_column(sa.Column(name, sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("category", sa.String(), nullable=True))
        for name in ("passed_at", "proof_at"):
            batch_op.add_column(sa.Column(name, sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("changed", sa.String(), nullable=True))
    # Nobody has noted which of them took a mail: the next one that they take tells.
    op.execute("UPDATE addresses SET state = 'unknown'")
    with op.batch_alter_table("addresses", recreate="always") as batch_op:
        batch_op.alter_column("state", existing_type=sa.String(), nullable=False)
        for name, columns, where in (
            ("addresses_flagged", ["changed", "state"], "changed IS NOT NULL"),
            ("addresses_lapsing", ["until"], "until IS NOT NULL"),
        ):
            condition = sa.text(where)
            batch_op.create_index(name, columns, unique=False, sqlite_where=condition, postgresql_where=condition)

    op.create_table(
        "evidence",
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("strength", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("reply", sa.String(), nullable=True),
        sa.Column("destination", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("address", "source", "category", "message"),
    )
    op.create_index("evidence_by_destination", "evidence", ["destination", "at"], unique=False)
    op.create_table(
        "destinations",
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("attempts", sa.Double(), nullable=False),
        sa.Column("unknown", sa.Double(), nullable=False),
        sa.Column("frozen_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("destination"),
    )
    op.create_index("destinations_by_age", "destinations", ["at"], unique=False)
    frozen = sa.text("frozen_at IS NOT NULL")
    op.create_index(
        "destinations_frozen", "destinations", ["frozen_at"], unique=False, sqlite_where=frozen, postgresql_where=frozen
    )
