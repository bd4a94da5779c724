"""Messages, a composer and a company's template folder, as tests of mails need them."""

import email
import email.policy
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from mailsvc.domain.message import Message
from mailsvc.domain.secret import Secret
from mailsvc.templates import Brand, Catalogue, Composer

SENDER = "no-reply@mail.example.jp"
SENDER_NAME = "見本証券"
BRAND = Brand(
    name="見本証券株式会社",
    registration="金融商品取引業者 関東財務局長（金商）第0000号",
    associations="日本証券業協会、一般社団法人日本投資顧問業協会、一般社団法人金融先物取引業協会",
    contact="見本証券お客様サポート 0120-000-000（平日 9:00〜17:00）",
)
ACCEPTED = 1795396542.5  # 2026-11-23 10:15:42.5 in Japan

#: A page that opts in to HTML and keeps every rule.
PAGE = """<!DOCTYPE html>
<html lang="ja">
<head>
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<title>追加認証コードのお知らせ</title>
<style>:root { color-scheme: light dark } strong.code { font-size: 24px }</style>
</head>
<body>
<p>認証コード：<strong class="code">{{ code }}</strong></p>
<p>有効期限：{{ expires }}</p>
<p>受付日時：{{ accepted }} 受付番号：{{ reference }}</p>
{% if environment %}
<p>ご利用環境：{{ environment }}</p>
{% endif %}
<p style="white-space: pre-line">{{ signature }}</p>
</body>
</html>
"""
#: The shortest text that keeps every rule.
TEXT = """Subject: 【{{ brand.name }}】お知らせ

認証コード：{{ code }}
有効期限：{{ expires }}
受付日時：{{ accepted }}
受付番号：{{ reference }}
{{ signature }}
"""


def composer(*folders: Path, brand: Brand = BRAND, sender: str = SENDER, sender_name: str = SENDER_NAME) -> Composer:
    """Return a composer of our templates behind those of ``folders``."""
    return Composer(Catalogue.load(folders), brand, sender, sender_name)


def message(context: Mapping[str, str] | None = None, **fields: Any) -> Message:
    """Return a message of a login code to a customer at docomo."""
    default = {
        "id": "msg_ABCDEFGHJKMNPQRSTVWXYZABCD",
        "api_key": "key_1",
        "to": "taro@docomo.ne.jp",
        "template": "login_code",
        "is_code": True,
        "locale": "ja",
        "code": Secret("731946"),
        "reference": "K4HW",
        "tag": "abcdefghijklmnop",
        "challenge": "login-1",
        "customer": "c-000123",
        "accepted_at": ACCEPTED,
        "expires_at": ACCEPTED + 300,
    }
    return Message(**(default | fields), context=context or {})


def parsed(raw: bytes) -> EmailMessage:
    """Read a mail as the standard library does: the oracle of our own bytes."""
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    assert not mail.defects
    return mail


def words(raw: bytes) -> str:
    """Return the text of a mail without parts, with LF between the lines."""
    return str(parsed(raw).get_content()).replace("\r\n", "\n")


def write_folder(folder: Path, **files: str) -> Path:
    """Write template files into ``folder``; ``ja__login_code__txt`` is ja/login_code.txt."""
    for name, source in files.items():
        locale, stem, kind = name.split("__")
        path = folder / locale / f"{stem}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, "utf-8")
    return folder
