"""Reports that came in, and what they said of messages."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply this step."""
