"""The operator's webhook endpoints: ``MAILSVC_WEBHOOKS`` as a JSON list (CONTRACT 2 and 3.6).

Decides which endpoints may be used: https, or http on loopback; private addresses are allowed, since they are the
operator's own configuration. Never connects; an error names the entry by its number and never shows a secret.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

from mailsvc.domain.event import EventType
from mailsvc.domain.secret import Secret
from mailsvc.settings.kind import Kind, WrongValueError, concealed, split_url, without_user
from mailsvc.settings.network import is_loopback

#: Octets of a signing secret, Standard Webhooks "Signature scheme".
SECRET_OCTETS = range(24, 65)

_KEYS = {"url", "secret", "types"}


@dataclass(frozen=True, slots=True)
class Webhook:
    """One endpoint."""

    url: str  #: https, or http on loopback
    secrets: tuple[Secret, ...]  #: ``whsec_…``; every one signs, so that the receiver can rotate
    types: frozenset[EventType]  #: the event types it gets

    @property
    def identity(self) -> str:
        """Return what the endpoint is known by: its URL without user part, so that a password can change."""
        scheme, slashes, rest = self.url.partition("://")
        netloc, slash, path = rest.partition("/")
        return f"{scheme}{slashes}{netloc.rpartition('@')[2]}{slash}{path}"

    @property
    def shown(self) -> str:
        """Return its URL without user part and query."""
        return without_user(self.url)


def parse_webhooks(text: str) -> tuple[Webhook, ...]:
    """Read the JSON list; raise `WrongValueError` naming the entry that is wrong."""
    try:
        entries = json.loads(text or "[]")
    except ValueError as error:
        raise WrongValueError("is not JSON") from error
    if not isinstance(entries, list):
        raise WrongValueError("is not a list")
    hooks = tuple(_webhook(entry, f"in entry {number} has ") for number, entry in enumerate(entries, 1))
    if len({hook.identity for hook in hooks}) < len(hooks):
        raise WrongValueError("has the same url twice")
    return hooks


def _webhook(entry: Any, place: str) -> Webhook:
    if not isinstance(entry, dict) or not {"url", "secret"} <= entry.keys() <= _KEYS:
        raise WrongValueError(f"{place}other members than url, secret and, if wanted, types")
    secrets = entry["secret"] if isinstance(entry["secret"], list) else [entry["secret"]]
    types = entry.get("types", list(EventType))
    if not _usable(entry["url"]):
        raise WrongValueError(f"{place}a url that is neither https nor http on loopback")
    if not secrets or not all(map(_is_secret, secrets)):
        raise WrongValueError(f"{place}a secret that is not whsec_ and base64 of 24 to 64 octets")
    if not isinstance(types, list) or not types or not all(name in tuple(EventType) for name in types):
        raise WrongValueError(f"{place}a type that is no event type")
    return Webhook(entry["url"], tuple(map(Secret, secrets)), frozenset(map(EventType, types)))


def _usable(url: Any) -> bool:
    try:
        parts = split_url(url if isinstance(url, str) else "")
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def _is_secret(text: Any) -> bool:
    if not isinstance(text, str) or not text.startswith("whsec_"):
        return False
    try:
        return len(base64.b64decode(text.removeprefix("whsec_"), validate=True)) in SECRET_OCTETS
    except ValueError:
        return False


def _show(hooks: tuple[Webhook, ...]) -> str:
    return ", ".join(hook.shown for hook in hooks)


WEBHOOKS = Kind(
    'a JSON list of {"url", "secret": "whsec_…", "types"} with an https url',
    parse_webhooks,
    show=_show,
    found=concealed,
    toml=list,
    secret=True,
)
