"""Every setting of mailsvc: its kind, its defaults and what it means (CONTRACT 2).

The attribute is the variable's name in lower case without ``MAILSVC_``. Frozen, checked by `load_settings`,
then trusted. ``repr`` leaves out every setting that can hold a secret.
"""

# ruff: noqa: RUF009  `_setting` makes a new field at every call

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailsvc.domain.address import Address
from mailsvc.domain.secret import Secret
from mailsvc.settings.imap import IMAP, ImapMailbox
from mailsvc.settings.kind import Kind
from mailsvc.settings.network import (
    DATABASE,
    DOMAIN,
    ENDPOINT,
    HELO,
    IP_ADDRESSES,
    LISTENER,
    PORT,
    REDIS,
    RESOLVERS,
    TLS_FILES,
    Endpoint,
    TlsFiles,
)
from mailsvc.settings.route import ROUTE, Route
from mailsvc.settings.text import (
    ADDRESS,
    ADDRESSES,
    BRAND,
    DURATION,
    FILE,
    FLAG,
    FOLDER,
    KEYS,
    LOG_LEVEL,
    MODE,
    NEW_FOLDER,
    RATES,
    TOKEN,
    LogLevel,
    Mode,
    Rate,
)
from mailsvc.settings.webhook import WEBHOOKS, Webhook


@dataclass(frozen=True, slots=True)
class Definition:
    """How one setting is read."""

    kind: Kind[Any]
    default: str | None  #: in every mode; None: unset, derived, or required in production
    development: str | None  #: in development only; production has to state the setting


def _setting(kind: Kind[Any], default: str | None = None, *, development: str | None = None) -> Any:
    definition = Definition(kind, default, development)
    return field(metadata={"definition": definition}, repr=not kind.secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator decided."""

    #: development or production
    mode: Mode = _setting(MODE, "development")
    #: SQLite file, development secrets, captured mail
    data_dir: Path = _setting(NEW_FOLDER, "./var")
    #: the store; unset: ``mailsvc.db`` in the data folder
    database_url: str = _setting(DATABASE)
    #: set: arq on this Redis carries the queue between processes
    redis_url: str | None = _setting(REDIS)
    #: listener of API, console, docs and health
    http: Endpoint = _setting(ENDPOINT, "127.0.0.1:8080")
    #: certificate of the HTTP listener
    http_tls: TlsFiles | None = _setting(TLS_FILES)
    #: a proxy in front of the HTTP listener does TLS
    http_behind_proxy: bool = _setting(FLAG, "false")
    #: SMTP listener for bounces and reports; None: off
    receiver: Endpoint | None = _setting(LISTENER, "127.0.0.1:2525")
    #: certificate of the receiver, offered with STARTTLS
    receiver_tls: TlsFiles | None = _setting(TLS_FILES)
    #: a first API key with every scope; None: generated in development, the stored keys in production
    api_key: Secret | None = _setting(TOKEN)
    #: listener of its own for ``/metrics``, without key
    metrics: Endpoint | None = _setting(ENDPOINT)
    #: further addresses the receiver takes reports for
    report_mailboxes: tuple[Address, ...] = _setting(ADDRESSES, "")
    #: mailbox elsewhere that reports are fetched from
    imap: ImapMailbox | None = _setting(IMAP)
    #: keys of 32 octets; the first encrypts, all decrypt; empty: generated (development only)
    secret_keys: tuple[bytes, ...] = _setting(KEYS, "")
    #: header From address; its domain is the DKIM ``d=``
    sender: Address = _setting(ADDRESS, development="no-reply@mail.example.jp")
    #: display name of the From header
    sender_name: str = _setting(BRAND, development="見本証券（開発環境）")
    #: domain of the envelope sender, lower case; unset: the sender's
    bounce_domain: str = _setting(DOMAIN)
    #: folder of the signing keys; unset: ``dkim/`` in the data folder
    dkim_dir: Path = _setting(NEW_FOLDER)
    #: company name in the mails
    brand_name: str = _setting(BRAND, development="見本証券株式会社")
    #: 金融商品取引業者 registration
    brand_registration: str = _setting(BRAND, development="金融商品取引業者 関東財務局長（金商）第0000号")
    #: associations the company belongs to
    brand_associations: str = _setting(BRAND, development="日本証券業協会")
    #: contact line
    brand_contact: str = _setting(BRAND, development="0120-000-000（平日 9:00〜17:00）")
    #: folder with the company's own templates
    templates: Path | None = _setting(FOLDER)
    #: where mail goes
    route: Route = _setting(ROUTE, development="capture")
    #: second route, tried inside the deadline when the first cannot deliver
    fallback_route: Route | None = _setting(ROUTE)
    #: the company's own profiles of destinations, in front of the shipped ones
    profiles: Path | None = _setting(FILE)
    #: DNS servers; None: the system's resolver
    dns: tuple[Endpoint, ...] | None = _setting(RESOLVERS)
    #: port for MX delivery
    mx_port: int = _setting(PORT, "25")
    #: allow MX hosts on loopback or private addresses (tests only)
    allow_private_mx: bool = _setting(FLAG, "false")
    #: EHLO argument, RFC 5321 4.1.1.1; unset: the name of this machine
    helo: str = _setting(HELO)
    #: local IP addresses to send from; empty: the system chooses
    source_addresses: tuple[str, ...] = _setting(IP_ADDRESSES, "")
    #: endpoints that get events
    webhooks: tuple[Webhook, ...] = _setting(WEBHOOKS, "")
    #: limits of code mails per recipient address; empty: off
    rate_per_address: tuple[Rate, ...] = _setting(RATES, "3/30s,8/10m,60/24h")
    #: seconds a message is kept, from its acceptance; one that is still queued stays
    keep_messages: float = _setting(DURATION, "90d")
    #: seconds an event is kept
    keep_events: float = _setting(DURATION, "30d")
    #: seconds a raw report is kept
    keep_reports: float = _setting(DURATION, "30d")
    #: least severe log line
    log: LogLevel = _setting(LOG_LEVEL, "info")

    @property
    def sender_domain(self) -> str:
        """Domain of the From address in lower case: the DKIM ``d=`` and the right part of the Message-ID."""
        return self.sender.domain.lower()
