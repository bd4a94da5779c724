"""Settings for tests: a production that lacks nothing, and the one line of a refusal."""

import base64
import json
from typing import Any

import pytest

from mailsvc.settings import SettingsError, load_settings

KEY = bytes(range(224, 256))  # its base64 has the characters that the two alphabets write differently
KEY_TEXT = base64.b64encode(KEY).decode()
WHSEC = "whsec_" + base64.b64encode(bytes(24)).decode()
PRODUCTION = {
    "MAILSVC_MODE": "production",
    "MAILSVC_SECRET_KEYS": KEY_TEXT,
    "MAILSVC_SENDER": "no-reply@Mail.Example.com",
    "MAILSVC_SENDER_NAME": "例証券",
    "MAILSVC_BRAND_NAME": "例証券株式会社",
    "MAILSVC_BRAND_REGISTRATION": "金融商品取引業者 関東財務局長（金商）第1号",
    "MAILSVC_BRAND_ASSOCIATIONS": "日本証券業協会",
    "MAILSVC_BRAND_CONTACT": "0120-000-000",
    "MAILSVC_ROUTE": "mx",
    "MAILSVC_HELO": "mail.example.com",
}


def hooks(**changes: Any) -> str:
    """Write one webhook as a setting, some of its members changed."""
    return json.dumps([{"url": "https://auth.example.jp/hook", "secret": WHSEC} | changes])


def error_of(environ: dict[str, str]) -> str:
    """Load settings that are wrong and return the message, its shape checked."""
    with pytest.raises(SettingsError) as caught:
        load_settings(environ)
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert message.startswith("MAILSVC_")
    assert message.index(": found ") < message.index(", expected ")
    return message
