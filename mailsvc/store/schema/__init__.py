"""The tables: one definition for SQLite and PostgreSQL."""

from mailsvc.store.schema.access import api_keys, console_sessions, operator_actions
from mailsvc.store.schema.base import metadata
from mailsvc.store.schema.log import events, facts, webhook_deliveries, webhook_endpoints
from mailsvc.store.schema.mail import attempts, challenges, idempotency, messages, reports
from mailsvc.store.schema.recipients import addresses, domains, evidence, rechecks
from mailsvc.store.schema.sites import destinations, figures, use_reports, uses

__all__ = [
    "addresses",
    "api_keys",
    "attempts",
    "challenges",
    "console_sessions",
    "destinations",
    "domains",
    "events",
    "evidence",
    "facts",
    "figures",
    "idempotency",
    "messages",
    "metadata",
    "operator_actions",
    "rechecks",
    "reports",
    "use_reports",
    "uses",
    "webhook_deliveries",
    "webhook_endpoints",
]
