"""Settings: every variable with good and bad values, the rules between them, and what errors never show."""

import base64
import contextlib
import json
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.settings import SettingsError, describe, load_settings
from mailsvc.settings.source import DEFINITIONS
from tests.support.settings import KEY, KEY_TEXT, PRODUCTION, WHSEC, error_of, hooks

# Variable, text, value as `describe` shows it.
GOOD = [
    ("MODE", "production", "production"),
    ("DATA_DIR", "/srv/mail", "/srv/mail"),
    ("DATABASE_URL", "sqlite:////srv/mail.db", "sqlite:////srv/mail.db"),
    ("DATABASE_URL", "postgresql://mail:geheim@db:5432/mail?sslmode=require", "postgresql://db:5432/mail"),
    ("REDIS_URL", "redis://:geheim@[::1]:6379/0", "redis://[::1]:6379/0"),
    ("REDIS_URL", "", "none"),
    ("HTTP", "127.0.0.1:0", "127.0.0.1:0"),
    ("HTTP", "[::1]:8080", "[::1]:8080"),
    ("HTTP", "localhost:65535", "localhost:65535"),
    ("HTTP_BEHIND_PROXY", "true", "true"),
    ("RECEIVER", "", "none"),
    ("RECEIVER", "0.0.0.0:25", "0.0.0.0:25"),
    ("API_KEY", "mk_geheim", "set, 9 characters"),
    ("METRICS", "127.0.0.1:9100", "127.0.0.1:9100"),
    ("METRICS", "", "none"),
    ("REPORT_MAILBOXES", "fbl@example.jp, dmarc@example.jp", "fbl@example.jp,dmarc@example.jp"),
    ("REPORT_MAILBOXES", "", "none"),
    ("IMAP", "imaps://b%40example.jp:geheim@imap.example.jp/INBOX", "imaps://imap.example.jp:993/INBOX"),
    ("IMAP", "imap://b:geheim@[::1]:1143/Bounces/a%20b", "imap://[::1]:1143/Bounces/a b"),
    ("IMAP", "", "none"),
    ("SECRET_KEYS", f"{KEY_TEXT}, {base64.urlsafe_b64encode(KEY).decode().rstrip('=')}", "set, 2"),
    ("SENDER", "kabu@example.co.jp", "kabu@example.co.jp"),
    ("SENDER_NAME", "例証券　株式会社", "例証券　株式会社"),
    ("BOUNCE_DOMAIN", "Bounce.Example.jp", "bounce.example.jp"),
    ("DKIM_DIR", "/srv/dkim", "/srv/dkim"),
    ("BRAND_NAME", "例証券 Co., Ltd.", "例証券 Co., Ltd."),
    ("BRAND_REGISTRATION", "関東財務局長（金商）第12345号", "関東財務局長（金商）第12345号"),
    ("BRAND_ASSOCIATIONS", "日本証券業協会", "日本証券業協会"),
    ("BRAND_CONTACT", "0120-000-000 9:00〜17:00", "0120-000-000 9:00〜17:00"),
    ("TEMPLATES", str(Path(__file__).parent), str(Path(__file__).parent)),
    ("PROFILES", __file__, __file__),
    ("ROUTE", "capture", "capture"),
    ("ROUTE", "smtp://user:geheim@relay.example:587", "smtp://relay.example:587?tls=starttls"),
    ("FALLBACK_ROUTE", "smtp://[::1]:1025", "smtp://[::1]:1025?tls=none"),
    ("FALLBACK_ROUTE", "", "none"),
    ("DNS", "192.0.2.53:53,[2001:db8::53]:5353", "192.0.2.53:53,[2001:db8::53]:5353"),
    ("MX_PORT", "2525", "2525"),
    ("ALLOW_PRIVATE_MX", "false", "false"),
    ("HELO", "mail.example.jp", "mail.example.jp"),
    ("HELO", "[192.0.2.1]", "[192.0.2.1]"),
    ("HELO", "[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"),
    ("SOURCE_ADDRESSES", "192.0.2.1, 2001:DB8::1", "192.0.2.1,2001:db8::1"),
    ("WEBHOOKS", hooks(), "https://auth.example.jp/hook"),
    ("WEBHOOKS", hooks(url="http://127.0.0.1:9/hook", secret=[WHSEC, WHSEC]), "http://127.0.0.1:9/hook"),
    ("WEBHOOKS", "", "none"),
    ("RATE_PER_ADDRESS", "1/30s, 5/2h", "1/30s,5/2h"),
    ("RATE_PER_ADDRESS", "", "none"),
    ("KEEP_MESSAGES", "90d", "90d"),
    ("KEEP_EVENTS", "36h", "36h"),
    ("KEEP_EVENTS", "1d", "24h"),
    ("KEEP_EVENTS", "72h", "3d"),
    ("RATE_PER_ADDRESS", "3/30s,8/10m,60/24h", "3/30s,8/10m,60/24h"),
    ("KEEP_REPORTS", "10m", "10m"),
    ("LOG", "debug", "debug"),
]

BAD = [
    ("MODE", "produktion"),
    ("DATA_DIR", ""),
    ("DATA_DIR", "a\nb"),
    ("DATA_DIR", __file__),
    ("DATA_DIR", "x" * 300),
    ("DATABASE_URL", "mysql://db/mail"),
    ("DATABASE_URL", "sqlite://"),
    ("DATABASE_URL", "sqlite:///"),
    ("DATABASE_URL", "sqlite:///:memory:"),
    ("DATABASE_URL", "sqlite:///x.db?mode=memory"),
    ("REDIS_URL", "localhost:6379"),
    ("REDIS_URL", "http://localhost:6379"),
    ("HTTP", "8080"),
    ("HTTP", ":8080"),
    ("HTTP", "::1:8080"),
    ("HTTP", "127.0.0.1:65536"),
    ("HTTP", "127.0.0.1:８０"),
    ("HTTP", ""),
    ("HTTP_TLS", "cert.pem"),
    ("HTTP_TLS", "/nowhere/cert.pem,/nowhere/key.pem"),
    ("HTTP_BEHIND_PROXY", "ja"),
    ("RECEIVER", "off"),
    ("RECEIVER_TLS", "a,b,c"),
    ("METRICS", "9100"),
    ("REPORT_MAILBOXES", "fbl"),
    ("IMAP", "imaps://imap.example.jp/INBOX"),
    ("IMAP", "imap.example.jp"),
    ("SENDER", "例@example.jp"),
    ("SENDER_NAME", "例証券\r\nBcc: x"),
    ("BOUNCE_DOMAIN", "localhost"),
    ("DKIM_DIR", "a\0b"),
    ("DKIM_DIR", "/dev/null"),
    ("BRAND_NAME", "https://example.jp"),
    ("BRAND_NAME", "www.example"),
    ("BRAND_REGISTRATION", "第１２３４５６号"),
    ("BRAND_ASSOCIATIONS", "協会＠日本"),
    ("BRAND_CONTACT", "example.co.jp"),
    ("TEMPLATES", "/nowhere"),
    ("PROFILES", "/nowhere"),
    ("ROUTE", "captured"),
    ("ROUTE", "smtp://relay.example"),
    ("ROUTE", "smtp://relay.example:0"),
    ("ROUTE", "smtps://relay.example:465"),
    ("ROUTE", "smtp://relay.example:25/path"),
    ("ROUTE", "smtp://relay.example:25?tls=maybe"),
    ("ROUTE", "smtp://relay.example:25?tls=none&tls=implicit"),
    ("ROUTE", "smtp://relay.example:25?"),
    ("FALLBACK_ROUTE", "MX"),
    ("DNS", "dns.example:53"),
    ("DNS", "192.0.2.53"),
    ("DNS", "192.0.2.53:0"),
    ("MX_PORT", "0"),
    ("MX_PORT", "-1"),
    ("ALLOW_PRIVATE_MX", "1"),
    ("HELO", "my_host"),
    ("HELO", "[localhost]"),
    ("SOURCE_ADDRESSES", "eth0"),
    ("SOURCE_ADDRESSES", "192.0.2.1,,192.0.2.2"),
    ("WEBHOOKS", "{"),
    ("WEBHOOKS", "{}"),
    ("WEBHOOKS", "[1]"),
    ("WEBHOOKS", hooks(kind="x")),
    ("WEBHOOKS", hooks(url="http://example.jp/hook")),
    ("WEBHOOKS", hooks(url=1)),
    ("WEBHOOKS", hooks(secret=[])),
    ("WEBHOOKS", hooks(types=["message.send"])),
    ("WEBHOOKS", hooks(types=[])),
    ("WEBHOOKS", json.dumps(json.loads(hooks()) * 2)),
    ("WEBHOOKS", json.dumps(json.loads(hooks()) + json.loads(hooks(url="https://user:geheim@auth.example.jp/hook")))),
    ("RATE_PER_ADDRESS", "3"),
    ("RATE_PER_ADDRESS", "0/30s"),
    ("RATE_PER_ADDRESS", "3/30s;8/10m"),
    ("KEEP_MESSAGES", "90"),
    ("KEEP_EVENTS", "0d"),
    ("KEEP_REPORTS", "-1d"),
    ("LOG", "INFO"),
]

# Wrong values that hold a secret, "geheim" in one form or another.
BAD_SECRETS = [
    ("API_KEY", "geheim geheim"),
    ("API_KEY", "geheim\n"),
    ("SECRET_KEYS", "geheim"),
    ("SECRET_KEYS", f"{KEY_TEXT},geheim!"),
    ("WEBHOOKS", hooks(secret="geheim")),
    ("WEBHOOKS", hooks(secret="whsec_geheim")),
    ("WEBHOOKS", hooks(url="ftp://user:geheim@h/")),
    ("DATABASE_URL", "mysql://user:geheim@db/mail"),
    ("DATABASE_URL", "user:geheim@db/mail"),
    ("REDIS_URL", "http://:geheim@db/0"),
    ("REDIS_URL", "redis://:geh eim@db/0"),
    ("ROUTE", "smtp://user:geheim@relay"),
    ("ROUTE", "smtp://user:geheim"),
    ("ROUTE", "smtp:user:geheim@relay:25"),
    ("ROUTE", "smtp://user:ge#geheim@relay:25"),
    ("ROUTE", "smtp://user:25?geheim@relay:25"),
    ("ROUTE", "smtp://user:25/geheim@relay:25"),
    ("ROUTE", "smtp://geheim@relay:25"),
    ("ROUTE", "smtp://user:geheim%0@relay:25"),
    ("ROUTE", "smtp://user:geheim%00@relay:25"),
    ("ROUTE", "smtp://user:geheim%ff@relay:25"),
    ("ROUTE", "smtp://:geheim@relay:25"),
    ("ROUTE", "smtp://user:geheim\n@relay:25"),
    ("FALLBACK_ROUTE", "geheim:geheim"),
    ("IMAP", "pop3://user:geheim@imap.example.jp/INBOX"),
    ("IMAP", "imaps://user:geheim@imap.example.jp"),
    ("IMAP", "imaps://user:geheim@imap.example.jp/"),
    ("IMAP", "imaps://user:geheim@imap.example.jp:0/INBOX"),
    ("IMAP", "imaps://user:geheim@imap.example.jp:99999/INBOX"),
    ("IMAP", "imaps://user:geheim@imap.example.jp/INBOX?tls=none"),
    ("IMAP", "imaps://user:ge#heim@imap.example.jp/INBOX"),
    ("IMAP", "imaps://user:geheim/@imap.example.jp/INBOX"),
    ("IMAP", "imaps://user:geheim%E3%81%82@imap.example.jp/INBOX"),
    ("IMAP", "imaps://user:geheim@imap.example.jp/%E3%81%82"),
    ("IMAP", "imaps://user:geheim@imap.example.jp/a%0D%0Ab"),
    ("IMAP", "imaps://geheim@imap.example.jp/INBOX"),
]


@pytest.mark.parametrize(("name", "text", "shown"), GOOD)
def test_setting_good_value_taken(name: str, text: str, shown: str) -> None:
    """A right value is taken, and shown without what it hides."""
    base = PRODUCTION if name == "MODE" else {"MAILSVC_MODE": "development"}
    settings = load_settings(base | {f"MAILSVC_{name}": text})
    assert dict(describe(settings))[f"MAILSVC_{name}"].startswith(shown)
    assert "geheim" not in str(describe(settings)) + repr(settings)


@pytest.mark.parametrize(("name", "text"), BAD)
def test_setting_wrong_value_refused_in_one_line(name: str, text: str) -> None:
    """A wrong value stops with one line that names the variable."""
    assert error_of({f"MAILSVC_{name}": text}).startswith(f"MAILSVC_{name}: ")


@pytest.mark.parametrize(("name", "text"), BAD_SECRETS)
def test_setting_wrong_secret_not_shown(name: str, text: str) -> None:
    """The line about a wrong secret, and the traceback below it, show at most its length."""
    with pytest.raises(SettingsError) as caught:
        load_settings({f"MAILSVC_{name}": text})
    assert "geheim" not in "".join(traceback.format_exception(caught.value, chain=True))
    assert error_of({f"MAILSVC_{name}": text}).startswith(f"MAILSVC_{name}: ")


def test_tables_walk_every_setting() -> None:
    """No setting is without good and bad values above; certificates and free text have tests of their own."""
    assert {name.lower() for name, *_ in GOOD} | {"http_tls", "receiver_tls"} == set(DEFINITIONS)
    assert {name.lower() for name, _ in BAD + BAD_SECRETS} == set(DEFINITIONS)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"MODE": "produktion"}, "MAILSVC_MODE: found 'produktion', expected development or production"),
        (
            {"API_KEY": "x" * 42 + " "},
            (
                "MAILSVC_API_KEY: found set, 43 characters (has a character that cannot stand in a Bearer token)"
                ", expected a key of letters, digits and ._~+/-"
            ),
        ),
        (
            {"ROUTE": "smtp://user:geheim@relay:25/x"},
            (
                "MAILSVC_ROUTE: found 'smtp://relay:25/x' (is none of the three)"
                ", expected mx, capture or smtp://[user:pass@]host:port[?tls=none/starttls/implicit]"
            ),
        ),
    ],
)
def test_error_words_exact(environ: dict[str, str], message: str) -> None:
    """The line says what was found and what is expected, in words that do not change unnoticed."""
    assert error_of({f"MAILSVC_{name}": text for name, text in environ.items()}) == message


@given(st.sampled_from(sorted(DEFINITIONS)), st.text(max_size=30))
def test_any_text_taken_or_refused_in_one_line(name: str, text: str) -> None:
    """No text makes a setting fail in another way than with its one line."""
    with contextlib.suppress(SettingsError):
        load_settings({f"MAILSVC_{name.upper()}": text})
        return
    error_of({f"MAILSVC_{name.upper()}": text})
