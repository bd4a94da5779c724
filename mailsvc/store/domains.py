"""Recipient domains and when each last took a mail."""

from sqlalchemy import Connection, select

from mailsvc.store.schema import domains
from mailsvc.store.sql import upsert
from mailsvc.store.transaction import Transaction

_NOTE = upsert(domains, ["domain"], ["took_mail_at"])


def took_mail(connection: Connection, domain: str, since: float) -> bool:
    """Whether a domain took a mail after an instant."""
    query = select(domains.c.domain).where(domains.c.domain == domain, domains.c.took_mail_at > since)
    return connection.execute(query).first() is not None


def note(tx: Transaction, domain: str, now: float) -> None:
    """Note that a domain took a mail."""
    _NOTE.all(tx.connection, domain=domain, took_mail_at=now)
