"""Schema migrations (Alembic); ``store/migrations/versions`` holds one file per step, never changed once released."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, inspect, text

_MIGRATIONS = Path(__file__).parent / "migrations"
#: The revision this code is written for; a test compares it with the newest file.
HEAD = "0008"


def upgrade(url: str) -> None:
    """Bring the database at an SQLAlchemy URL to the newest schema; does nothing when it is there."""
    if current(url) != HEAD:
        command.upgrade(config(url), HEAD)


def current(url: str) -> str | None:
    """Return the revision of a database, None when it is empty."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    finally:
        engine.dispose()


def config(url: str) -> Config:
    """Return Alembic's configuration for a database."""
    settings = Config()
    settings.set_main_option("script_location", str(_MIGRATIONS))
    settings.attributes["url"] = url
    return settings
