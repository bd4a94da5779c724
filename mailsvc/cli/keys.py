"""``mailsvc keys``: API keys in the store, while the service runs or not."""

import json
import time
from typing import Annotated

import typer

from mailsvc.api.keys import key_view
from mailsvc.cli.failure import NEGATIVE, WRONG_USE, Failure
from mailsvc.cli.store import in_store
from mailsvc.domain.access import scopes
from mailsvc.domain.instant import rfc3339
from mailsvc.store import keys

#: Characters of a key's name, as over HTTP.
NAME_MAX = 64

app = typer.Typer(help="API keys.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="A name for people.")],
    scope_names: Annotated[str, typer.Option("--scopes", help="submit, read, check, operate; separated by commas.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Make a key; its secret is shown this once."""
    if not (0 < len(name) <= NAME_MAX and name.isprintable()):
        raise Failure(f"NAME: must be 1 to {NAME_MAX} printable characters", WRONG_USE)
    try:
        allowed = scopes(scope.strip() for scope in scope_names.split(","))
    except ValueError as error:
        raise Failure(f"--scopes: {error}", WRONG_USE) from None
    key, secret = in_store(lambda connection: keys.new(connection, name, allowed, time.time()))
    shown = {"id": key.id, "name": key.name, "scopes": sorted(key.scopes), "secret": secret}
    print(json.dumps(shown) if as_json else f"{key.id}  {key.name}  {','.join(sorted(key.scopes))}\n{secret}")


@app.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """Show every key, revoked ones too."""
    found = in_store(keys.every)
    if as_json:
        print(json.dumps([key_view(key) for key in found]))
        return
    for key in found:
        state = "active" if key.revoked_at is None else f"revoked {rfc3339(key.revoked_at)}"
        print(f"{key.id}  {key.name}  {','.join(sorted(key.scopes))}  {state}")


@app.command("revoke")
def revoke(
    id_or_name: Annotated[str, typer.Argument(help="Id or name of the key.")], *, as_json: AsJson = False
) -> None:
    """Revoke a key; a running service refuses it within two seconds."""
    revoked = in_store(lambda connection: keys.revoke(connection, id_or_name, time.time()))
    if not revoked:
        raise Failure("there is no living key of this id or name", NEGATIVE)
    if as_json:
        print(json.dumps([key_view(key) for key in revoked]))
        return
    for key in revoked:
        print(f"revoked {key.id}  {key.name}")
