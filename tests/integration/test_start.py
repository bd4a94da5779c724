"""What `mailsvc run` looks at before it accepts codes, what it logs then, and the modes of its files."""

import stat
import time
from pathlib import Path

import pytest

from mailsvc.signing.key import KeyInfo
from mailsvc.signing.keys import KeyRing
from tests.support.dns_zone import DnsServer, No, Zone
from tests.support.service import Service
from tests.support.settings import PRODUCTION


def signing_key(folder: Path) -> KeyInfo:
    """Make a key that signs, as a development machine would have activated it."""
    ring = KeyRing(folder / "dkim", "mail.example.com")
    return ring.activate(ring.new("rsa-sha256", time.time()).selector, published=None)


def production(folder: Path, dns: DnsServer) -> Service:
    """Return a production service that asks a DNS server."""
    settings = {name.removeprefix("MAILSVC_"): value for name, value in PRODUCTION.items()}
    return Service(folder=folder, settings=settings | {"DNS": dns.address, "ROUTE": "smtp://127.0.0.1:9?tls=none"})


async def test_production_starts_with_a_published_key_and_logs_its_settings(tmp_path: Path) -> None:
    """The record is asked for once, in two strings as zones have it, and the log has every setting."""
    key = signing_key(tmp_path)
    zone: Zone = {key.name: {"TXT": [f'"{key.value[:200]}" "{key.value[200:]}"']}}
    async with DnsServer(zone=zone) as dns, production(tmp_path, dns) as service:
        assert dns.questions == [(key.name, "TXT")]
        assert '"MAILSVC_HELO": "mail.example.com"' in service.printed


async def test_production_with_another_key_published_does_not_start(tmp_path: Path) -> None:
    """A key whose signatures every receiver finds broken stops the start with one line."""
    key = signing_key(tmp_path)
    expected = rf"mailsvc: MAILSVC_DKIM_DIR: found that {key.selector} signs and .*is not that of this key, expected"
    async with DnsServer(zone={key.name: {"TXT": ['"v=DKIM1; k=rsa; p=AAAA"']}}) as dns:
        with pytest.raises(RuntimeError, match=expected):
            await production(tmp_path, dns).start()


async def test_production_with_an_unpublished_key_starts_and_says_so(tmp_path: Path) -> None:
    """A record that is gone from DNS must not keep customers from their codes: the log has the error."""
    key = signing_key(tmp_path)
    async with DnsServer(zone={key.name: {"TXT": []}}) as dns, production(tmp_path, dns) as service:
        assert "dkim.unpublished" in service.printed


async def test_production_starts_while_dns_does_not_answer(tmp_path: Path) -> None:
    """A resolver in trouble says nothing of the key: the service starts and the log warns."""
    key = signing_key(tmp_path)
    async with DnsServer(zone={key.name: No.SERVFAIL}) as dns, production(tmp_path, dns) as service:
        assert "dkim.unchecked" in service.printed


async def test_development_start_is_short_and_its_files_are_the_owners(tmp_path: Path) -> None:
    """The settings stay out of a developer's log, and no file of the store can be read by others."""
    async with Service(folder=tmp_path) as service:
        assert '"event": "service.started"' in service.printed
        assert "MAILSVC_HELO" not in service.printed
        modes = {name: _mode(tmp_path / name) for name in ("mailsvc.db", "mailsvc.db-wal", "mailsvc.gate")}
    assert set(modes.values()) == {0o600}, modes


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_changed_variable_rotates_the_key_and_the_generated_key_goes_on(tmp_path: Path) -> None:
    """A restart with another MAILSVC_API_KEY ends the former one; the generated key goes on."""
    statuses = []
    for key in ("", "mk_" + "a" * 43, "mk_" + "b" * 43, ""):
        async with Service(folder=tmp_path, settings={"API_KEY": key}) as service:
            known = (_generated(tmp_path), "mk_" + "a" * 43, "mk_" + "b" * 43)
            statuses.append([await _status(service, secret) for secret in known])
    assert statuses == [[200, 401, 401], [200, 200, 401], [200, 401, 200], [200, 401, 200]]


def _generated(folder: Path) -> str:
    return (folder / "api-key").read_text().strip()


async def _status(service: Service, secret: str) -> int:
    return (await service.client.get("/v1/events", headers={"Authorization": f"Bearer {secret}"})).status_code
