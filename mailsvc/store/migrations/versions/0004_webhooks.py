"""What each webhook endpoint was told, and what is parked."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply this step."""
