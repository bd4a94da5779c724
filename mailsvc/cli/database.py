"""``mailsvc db``: the schema."""

import typer

from mailsvc.cli.failure import configured, failures
from mailsvc.store import migrate
from mailsvc.store.store import with_connection

app = typer.Typer(help="The store's schema.", no_args_is_help=True)


@app.callback()
def database() -> None:
    """Work on the store's schema."""


@app.command("upgrade")
def upgrade() -> None:
    """Bring the store to the newest schema; `mailsvc run` on SQLite does it by itself."""
    settings = configured()
    with failures():
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with_connection(settings.database_url, lambda _: None)
    print(f"the schema is at revision {migrate.HEAD}")
