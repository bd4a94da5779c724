"""What the operator decided: ``MAILSVC_*`` variables and one TOML file, read and checked once (CONTRACT 2)."""

from mailsvc.settings.development import (
    API_KEY_FILE,
    DevelopmentSecrets,
    development_secrets,
    new_api_key,
    with_development_secrets,
)
from mailsvc.settings.imap import ImapMailbox
from mailsvc.settings.load import describe, load_settings, stated
from mailsvc.settings.machine import check_sources, make_folder, prepare_store
from mailsvc.settings.network import Endpoint, TlsFiles
from mailsvc.settings.route import Route, RouteKind, RouteTls
from mailsvc.settings.source import SettingsError
from mailsvc.settings.table import Settings
from mailsvc.settings.text import LogLevel, Mode, Rate
from mailsvc.settings.webhook import Webhook

__all__ = [
    "API_KEY_FILE",
    "DevelopmentSecrets",
    "Endpoint",
    "ImapMailbox",
    "LogLevel",
    "Mode",
    "Rate",
    "Route",
    "RouteKind",
    "RouteTls",
    "Settings",
    "SettingsError",
    "TlsFiles",
    "Webhook",
    "check_sources",
    "describe",
    "development_secrets",
    "load_settings",
    "make_folder",
    "new_api_key",
    "prepare_store",
    "stated",
    "with_development_secrets",
]
