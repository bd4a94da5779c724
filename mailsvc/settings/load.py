"""Reading and checking all settings once, at the start, and showing them.

Every fault of a name, a value, or two values together is a `SettingsError` of one line
``MAILSVC_X: found …, expected …``. Prints nothing, keeps nothing, never shows a secret.
"""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mailsvc.settings.kind import WrongValueError
from mailsvc.settings.network import HELO
from mailsvc.settings.route import RouteKind
from mailsvc.settings.source import DEFINITIONS, SettingsError, Stated, read_sources, variable
from mailsvc.settings.table import Settings
from mailsvc.settings.text import Mode


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the checked settings; raise `SettingsError` for the first fault.

    ``environ`` takes the place of the process's own environment.
    """
    sources = read_sources(os.environ if environ is None else environ)
    mode = _read("mode", sources, Mode.DEVELOPMENT)
    values = {name: _read(name, sources, mode) for name in DEFINITIONS}
    settings = Settings(**_with_derived(values))
    _check_mode(settings, stated="mode" in sources)
    for name in ("route", "fallback_route"):
        _check_route(settings, name)
    return settings


def stated(name: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether the operator gave a setting a value, instead of leaving it to its default."""
    return name in read_sources(os.environ if environ is None else environ)


def describe(settings: Settings) -> list[tuple[str, str]]:
    """Return variable and shown value of every setting, for the log at the start; secrets are masked."""
    return [(variable(name), _shown(name, getattr(settings, name))) for name in DEFINITIONS]


def _shown(name: str, value: Any) -> str:
    return ("" if value is None else DEFINITIONS[name].kind.show(value)) or "none"


def _read(name: str, stated: Mapping[str, Stated], mode: Mode) -> Any:
    definition = DEFINITIONS[name]
    if name in stated:
        return _parse(name, stated[name])
    if definition.default is not None:
        return definition.kind.parse(definition.default)
    if definition.development is None:
        return None
    if mode is Mode.PRODUCTION:
        raise SettingsError(variable(name), "nothing", f"{definition.kind.expected} (required in production)")
    return definition.kind.parse(definition.development)


def _parse(name: str, stated: Stated) -> Any:
    kind = DEFINITIONS[name].kind
    try:
        return kind.parse(stated.text)
    except ValueError as error:
        reason = f" ({error})" if isinstance(error, WrongValueError) else ""
        raise SettingsError(
            variable(name), f"{kind.found(stated.text)}{stated.place}{reason}", kind.expected
        ) from None  # the library's error may repeat a secret


def _with_derived(values: dict[str, Any]) -> dict[str, Any]:
    """Fill in the settings whose default follows from others or from the machine."""
    folder: Path = values["data_dir"].absolute()
    derived = {
        "data_dir": folder,
        "database_url": values["database_url"] or f"sqlite:///{folder / 'mailsvc.db'}",
        "dkim_dir": values["dkim_dir"] or folder / "dkim",
        "bounce_domain": values["bounce_domain"] or values["sender"].domain.lower(),
        "helo": values["helo"] or _host_name(values["mode"]),
    }
    return values | derived


def _host_name(mode: Mode) -> str:
    try:
        return HELO.parse(socket.gethostname())
    except WrongValueError:
        if mode is Mode.DEVELOPMENT:
            return "localhost"
        raise SettingsError(
            variable("helo"), "nothing, and a machine name that is no host name", HELO.expected
        ) from None


def _check_mode(settings: Settings, *, stated: bool) -> None:
    """Check what production needs, and that nobody gets to shared data in development by accident."""
    shared = "redis_url" if settings.redis_url else "database_url"
    if not stated and (settings.redis_url or settings.database_url.startswith("postgresql:")):
        raise SettingsError(variable("mode"), f"nothing beside {variable(shared)}", "development or production, stated")
    if settings.mode is Mode.DEVELOPMENT:
        return
    if not settings.secret_keys:
        expected = f"{DEFINITIONS['secret_keys'].kind.expected} (required in production)"
        raise SettingsError(variable("secret_keys"), "nothing", expected)
    if not (settings.http.loopback or settings.http_tls or settings.http_behind_proxy):
        expected = (
            f"a loopback address, or {variable('http_tls')}, or {variable('http_behind_proxy')}=true in production"
        )
        raise SettingsError(variable("http"), f"{settings.http} in clear", expected)


def _check_route(settings: Settings, name: str) -> None:
    route = getattr(settings, name)
    if route is None:
        return
    if settings.mode is Mode.PRODUCTION and route.kind is RouteKind.CAPTURE:
        raise SettingsError(variable(name), "capture", "mx or smtp://… in production: captured mail is never sent")
    if settings.mode is Mode.DEVELOPMENT and route.kind is RouteKind.MX and not settings.dns:
        raise SettingsError(
            variable(name), "mx", f"capture or smtp://… in development, or {variable('dns')} with a test server"
        )
