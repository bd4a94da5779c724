"""Alembic's entry point: runs the migrations on the database that ``store.migrate`` names."""

from alembic import context
from sqlalchemy import create_engine

from mailsvc.store.schema import metadata

engine = create_engine(context.config.attributes["url"])
with engine.connect() as connection:
    # SQLite cannot alter a table in place: Alembic copies it (batch mode).
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
engine.dispose()
