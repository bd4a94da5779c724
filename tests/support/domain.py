"""Values of the domain with everything filled in; a test names only what it is about."""

from typing import Any

from mailsvc.domain.message import Message
from mailsvc.domain.outcome import Attempt, Category, Permanence, Scope
from mailsvc.domain.reply import Stage
from mailsvc.domain.secret import Secret

NOW = 1795396542.5  # 2026-11-23T01:15:42.500Z
CODE = "731946"


def message(**fields: Any) -> Message:
    """Return a queued login code that was accepted at `NOW` and lives 300 s."""
    default: dict[str, Any] = {
        "id": "msg_" + "a" * 28,
        "api_key": "key_1",
        "to": "taro@docomo.ne.jp",
        "template": "login_code",
        "is_code": True,
        "locale": "ja",
        "code": Secret(CODE),
        "reference": "K4HW",
        "tag": "a" * 24,
        "challenge": "login-1",
        "customer": "c-000123",
        "accepted_at": NOW,
        "expires_at": NOW + 300,
    }
    return Message(**(default | fields))


def attempt(permanence: Permanence = Permanence.TRANSIENT, number: int = 1, **fields: Any) -> Attempt:
    """Return an attempt that ended a second after `NOW` at RCPT."""
    default: dict[str, Any] = {
        "number": number,
        "at": NOW,
        "ended_at": NOW + 1,
        "host": "mx.example.jp",
        "ip": "192.0.2.1",
        "stage": Stage.RCPT,
        "reply": "450 4.2.0 try later",
        "category": Category.REMOTE_TEMPORARY,
        "permanence": permanence,
        "scope": Scope.RECIPIENT,
    }
    return Attempt(**(default | fields))
