"""The state of an address and its evidence."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply this step."""
