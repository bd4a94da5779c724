"""``mailsvc db``: the schema."""

import json
from typing import Annotated

import typer

from mailsvc.cli.store import in_store
from mailsvc.store import migrate

app = typer.Typer(help="The store's schema.", no_args_is_help=True)


@app.callback()
def database() -> None:
    """Work on the store's schema."""


@app.command("upgrade")
def upgrade(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Bring the store to the newest schema; `mailsvc run` on SQLite does it by itself."""
    in_store(lambda _: None)
    print(json.dumps({"revision": migrate.HEAD}) if as_json else f"the schema is at revision {migrate.HEAD}")
