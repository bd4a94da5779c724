"""`mailsvc dkim`: make, show, activate and retire signing keys.

Decides nothing but how things are said: the rules are `signing.keys.KeyRing`'s. Exits 1 when a key is refused,
2 for an unknown selector or wrong settings; an error is one line on stderr.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from mailsvc.service import look_up
from mailsvc.settings import Mode, Settings, SettingsError, load_settings
from mailsvc.signing.key import RECORD_KEPT, Algorithm, DkimKeyError, KeyInfo, UnknownSelectorError
from mailsvc.signing.keys import KeyRing

app = typer.Typer(help="Signing keys and their DNS records.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Selector = Annotated[str, typer.Argument(help="The key's selector, as `list` shows it.")]


@app.command("new")
def new(
    algorithm: Annotated[Algorithm, typer.Option(help="Ed25519 only adds a second signature.")] = "rsa-sha256",
    *,
    as_json: AsJson = False,
) -> None:
    """Make a key and show the DNS record to publish; it signs nothing until it is activated."""
    with _one_line_errors():
        info = _ring(load_settings()).new(algorithm, time.time())
    _print(info, as_json=as_json, note=f"publish this record, then run: mailsvc dkim activate {info.selector}")


@app.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """Show every key with its state and its DNS record."""
    with _one_line_errors():
        keys = _ring(load_settings()).list()
    if as_json:
        print(json.dumps([asdict(info) for info in keys]))
    for info in () if as_json else keys:
        _print(info, as_json=False)


@app.command("activate")
def activate(selector: Selector, *, as_json: AsJson = False) -> None:
    """Let a key sign; in production only when public DNS shows exactly its record."""
    with _one_line_errors():
        settings = load_settings()
        published = None if settings.mode is Mode.DEVELOPMENT else partial(look_up, settings.dns or ())
        info = _ring(settings).activate(selector, published=published)
    _print(info, as_json=as_json, note=f"the key it replaces, if any, is retired: {_leave_record()}")


@app.command("retire")
def retire(selector: Selector, *, as_json: AsJson = False) -> None:
    """Let a key sign no more."""
    with _one_line_errors():
        ring = _ring(load_settings())
        ring.retire(selector)
        unsigned = not any(key.info.algorithm == "rsa-sha256" for key in ring.active())
    print(
        json.dumps({"selector": selector, "state": "retired"}) if as_json else f"{selector}  retired\n{_leave_record()}"
    )
    if unsigned:
        typer.echo("mailsvc dkim: no rsa-sha256 key is active; no mail can leave until one is", err=True)


def _ring(settings: Settings) -> KeyRing:
    return KeyRing(settings.dkim_dir, settings.sender_domain)


def _leave_record() -> str:
    return f"leave its DNS record for {RECORD_KEPT / 86400:.0f} days"


def _print(info: KeyInfo, *, as_json: bool, note: str | None = None) -> None:
    if as_json:
        print(json.dumps(asdict(info)))
        return
    print(f"{info.selector}  {info.algorithm}  {info.state}\n{info.zone_line}")
    if note:
        print(note)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except (DkimKeyError, SettingsError) as error:
        typer.echo(f"mailsvc dkim: {error}", err=True)
        wrong_use = isinstance(error, UnknownSelectorError | SettingsError)
        raise typer.Exit(2 if wrong_use else 1) from None
