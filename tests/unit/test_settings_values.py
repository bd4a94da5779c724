"""What the settings become: routes, webhooks, keys, certificates, lengths of time."""

import base64
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.domain.event import EventType
from mailsvc.settings import RouteKind, RouteTls, load_settings
from mailsvc.settings.text import UNITS, parse_duration, show_duration
from tests.support.settings import KEY, KEY_TEXT, WHSEC, error_of, hooks


def test_certificate_pair_loaded_or_refused(tmp_path: Path) -> None:
    """A certificate with its key is taken; with another key, or twice the same file, it is refused."""
    ca = trustme.CA()
    for name in ("one", "two"):
        certificate = ca.issue_cert("localhost")
        certificate.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        certificate.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    pair = f"{tmp_path}/one.pem,{tmp_path}/one.key"
    assert str(load_settings({"MAILSVC_RECEIVER_TLS": pair}).receiver_tls) == pair
    for wrong in (f"{tmp_path}/one.pem,{tmp_path}/two.key", f"{tmp_path}/one.pem,{tmp_path}/one.pem"):
        assert "is no PEM certificate with its key" in error_of({"MAILSVC_HTTP_TLS": wrong})


@pytest.mark.parametrize(
    ("text", "tls"),
    [
        ("smtp://127.0.0.1:25", RouteTls.NONE),
        ("smtp://localhost:1025", RouteTls.NONE),
        ("smtp://relay.example:587", RouteTls.STARTTLS),
        ("smtp://relay.example:465", RouteTls.IMPLICIT),
        ("smtp://localhost:465?tls=none", RouteTls.NONE),
        ("smtp://localhost:25?tls=implicit", RouteTls.IMPLICIT),
    ],
)
def test_route_tls_stated_or_by_place(text: str, tls: RouteTls) -> None:
    """Without tls= a route is implicit on port 465, in clear on loopback, else STARTTLS."""
    assert load_settings({"MAILSVC_ROUTE": text}).route.tls is tls


def test_route_credentials_percent_decoded() -> None:
    """User and password may hold any character, percent-encoded."""
    route = load_settings({"MAILSVC_ROUTE": "smtp://a%40b:p%3A%2F%25@[::1]:1025"}).route
    assert (route.kind, route.host, route.port, route.user) == (RouteKind.SMTP, "::1", 1025, "a@b")
    assert route.password is not None
    assert route.password.reveal() == "p:/%"


@pytest.mark.parametrize(
    ("text", "port", "tls"),
    [
        ("imaps://u:p@imap.example.jp/INBOX", 993, RouteTls.IMPLICIT),
        ("imaps://u:p@localhost:1993/INBOX", 1993, RouteTls.IMPLICIT),
        ("imap://u:p@imap.example.jp/INBOX", 143, RouteTls.STARTTLS),
        ("imap://u:p@localhost/INBOX", 143, RouteTls.NONE),
        ("imap://u:p@[::1]:1143/INBOX", 1143, RouteTls.NONE),
    ],
)
def test_imap_password_goes_in_clear_on_loopback_only(text: str, port: int, tls: RouteTls) -> None:
    """`imap` means STARTTLS but on loopback, `imaps` TLS from the first octet; each has its port."""
    found = load_settings({"MAILSVC_IMAP": text}).imap
    assert found is not None
    assert (found.port, found.tls) == (port, tls)


def test_imap_credentials_and_mailbox_percent_decoded() -> None:
    """User, password and the name of the mailbox may hold any printable character of ASCII, percent-encoded."""
    found = load_settings({"MAILSVC_IMAP": "imaps://b%40example.jp:p%3A%2F%25@h.example/INBOX/a%20b%3F"}).imap
    assert found is not None
    assert (found.user, found.password.reveal(), found.mailbox) == ("b@example.jp", "p:/%", "INBOX/a b?")


def test_webhook_types_missing_means_all() -> None:
    """An endpoint that names no types gets every event; several secrets are kept in their order."""
    (hook,) = load_settings({"MAILSVC_WEBHOOKS": hooks()}).webhooks
    assert hook.types == frozenset(EventType)
    (hook,) = load_settings(
        {"MAILSVC_WEBHOOKS": hooks(types=["message.sent"], secret=[WHSEC, WHSEC[:-4] + "AAAB"])}
    ).webhooks
    assert hook.types == {EventType.MESSAGE_SENT}
    assert [secret.reveal()[-4:] for secret in hook.secrets] == ["AAAA", "AAAB"]


def test_secret_keys_read_in_both_alphabets() -> None:
    """Keys are octets, whichever base64 alphabet wrote them, the first one first."""
    urlsafe = base64.urlsafe_b64encode(KEY).decode().rstrip("=")
    assert load_settings({"MAILSVC_SECRET_KEYS": f"{KEY_TEXT},{urlsafe}"}).secret_keys == (KEY, KEY)


@given(st.integers(1, 999), st.sampled_from(sorted(UNITS)))
def test_duration_shown_reads_back(count: int, unit: str) -> None:
    """A length of time is shown in a form that reads back as the same length."""
    seconds = parse_duration(f"{count}{unit}")
    assert seconds == count * UNITS[unit]
    assert parse_duration(show_duration(seconds)) == seconds
