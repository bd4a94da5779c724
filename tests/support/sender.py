"""A sending identity that lacks nothing, and the zone that says so; tests take pieces away."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from mailsvc.checks.sender import Finding, Identity, Severity, examine
from mailsvc.dns import Resolver
from mailsvc.signing.key import KeyInfo, describe
from tests.support.dns_zone import DnsServer, No, Zone

SENDER = "mail.example.jp"
HELO = "mx1.mail.example.jp"
IP, IP6 = "192.0.2.10", "2001:db8::10"
REVERSE = "10.2.0.192.in-addr.arpa"
REVERSE6 = "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
POLICY = f"version: STSv1\r\nmode: enforce\r\nmx: {HELO}\r\nmax_age: 604800\r\n"
DAY = 86400.0


@cache
def rsa_key() -> KeyInfo:
    """Return an active RSA key."""
    return describe(generate_private_key(65537, 2048), selector="s2611a", domain=SENDER, state="active")


@cache
def ed25519_key() -> KeyInfo:
    """Return an active Ed25519 key."""
    return describe(Ed25519PrivateKey.generate(), selector="e2611a", domain=SENDER, state="active")


@cache
def certificate(*names: str, days: float = 90.0) -> bytes:
    """Return a certificate in PEM by an authority of its own, good for so many days from now."""
    until = datetime.now(UTC) + timedelta(days=days)
    issued = trustme.CA().issue_cert(*names, not_after=until, not_before=until - timedelta(days=365))
    return issued.cert_chain_pems[0].bytes()


def txt(value: str) -> str:
    """Return a TXT record as a zone file has it, in strings of at most 200 octets."""
    return " ".join(f'"{value[i : i + 200]}"' for i in range(0, len(value), 200))


def healthy_zone() -> Zone:
    """Return a zone with every record there can be."""
    reports = "rua=mailto:postmaster@mail.example.jp"
    records: dict[str, dict[str, list[str]]] = {
        SENDER: {"MX": [f"10 {HELO}."], "TXT": [txt(f"v=spf1 ip4:{IP} ip6:{IP6} -all"), txt("site=1")]},
        HELO: {"A": [IP], "AAAA": [IP6]},
        REVERSE: {"PTR": [f"{HELO}."]},
        REVERSE6: {"PTR": [f"{HELO}."]},
        f"_dmarc.{SENDER}": {"TXT": [txt(f"v=DMARC1; p=reject; {reports}")]},
        "_dmarc.example.jp": {"TXT": [txt(f"v=DMARC1; p=quarantine; {reports}")]},
        f"_mta-sts.{SENDER}": {"TXT": [txt("v=STSv1; id=20261101")]},
        f"_smtp._tls.{SENDER}": {"TXT": [txt(f"v=TLSRPTv1; {reports}")]},
        f"default._bimi.{SENDER}": {
            "TXT": [txt("v=BIMI1; l=https://www.example.jp/logo.svg; a=https://www.example.jp/vmc.pem")]
        },
    }
    for key in (rsa_key(), ed25519_key()):
        records[key.name] = {"TXT": [txt(key.value)]}
    return dict(records)


def healthy_identity(**changes: Any) -> Identity:
    """Return an identity that fits `healthy_zone`."""
    healthy = Identity(
        sender_domain=SENDER,
        bounce_domain=SENDER,
        helo=HELO,
        sources=(IP, IP6),
        keys=(rsa_key(), ed25519_key()),
        certificate=certificate(HELO),
        private_allowed=True,  # documentation has addresses of its own
    )
    return replace(healthy, **changes)


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found."""

    findings: list[Finding]

    @property
    def wrong(self) -> list[tuple[str, str]]:
        """The checks that are no longer sound, with their severity."""
        return [(f.check, f.severity.value) for f in self.findings if f.severity not in (Severity.OK, Severity.INFO)]

    def of(self, check: str) -> Finding:
        """Return the worst finding of a check."""
        return next(finding for finding in self.findings if finding.check == check)


async def examined(
    change: Callable[[Any], None] | None = None, *, policy: str | Exception = POLICY, **identity: Any
) -> Examined:
    """Examine the healthy identity after a change to its zone, asking a real resolver and a DNS server."""
    zone: Any = copy.deepcopy(healthy_zone())
    if change is not None:
        change(zone)

    async def fetch(_host: str) -> str:
        if isinstance(policy, Exception):
            raise policy
        return policy

    async with DnsServer(zone=zone) as server:
        resolver = Resolver([("127.0.0.1", server.port)])
        now = datetime.now(UTC).timestamp()
        return Examined(await examine(healthy_identity(**identity), resolver.ask, now=now, fetch=fetch))


def with_txt(name: str, *values: str) -> Callable[[Any], None]:
    """Return a change: a name has these TXT records, or none, and keeps its others."""

    def change(zone: Any) -> None:
        zone[name] = {**zone.get(name, {}), "TXT": [txt(value) for value in values]}

    return change


def with_records(name: str, **records: list[str]) -> Callable[[Any], None]:
    """Return a change: a name has other records of these types, and keeps the rest."""

    def change(zone: Any) -> None:
        zone[name] = {**zone.get(name, {}), **records}

    return change


def without(name: str, how: No = No.NXDOMAIN) -> Callable[[Any], None]:
    """Return a change: a name does not exist, or is not answered for."""

    def change(zone: Any) -> None:
        zone[name] = how

    return change


def all_of(*changes: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return one change for several."""

    def change(zone: Any) -> None:
        for one in changes:
            one(zone)

    return change
