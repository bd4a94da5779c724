"""``mailsvc doctor``: what receivers see of our sending identity, and what to publish.

Asks DNS only, changes nothing, needs no running service. Exits 1 when something is an error; what could not be looked
at is no error, but is said on stderr.
"""

import asyncio
import ipaddress
import json
import os
import textwrap
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from mailsvc.checks.sender import Finding, Severity
from mailsvc.cli.failure import NEGATIVE, failures
from mailsvc.service.doctor_room import diagnose
from mailsvc.settings import Settings, load_settings

#: Columns of an evidence.
_WIDTH = 100
_INDENT = " " * 26


def doctor(
    dns: Annotated[str | None, typer.Option(help="Ask this server, ip or ip:port, in place of MAILSVC_DNS.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Examine SPF, DKIM, DMARC, PTR, HELO, MX, TLS, MTA-STS, TLSRPT and BIMI of the configured sender."""
    with failures():
        found = asyncio.run(diagnose(_settings(dns), time.time()))
    print(json.dumps([asdict(finding) for finding in found]) if as_json else _table(found))
    counts = Counter(finding.severity for finding in found)
    if counts[Severity.UNKNOWN]:
        typer.echo(f"mailsvc: {counts[Severity.UNKNOWN]} could not be looked at and may be ill", err=True)
    if counts[Severity.ERROR]:
        raise typer.Exit(NEGATIVE)


def _settings(dns: str | None) -> Settings:
    if dns is None:
        return load_settings()
    return load_settings({**os.environ, "MAILSVC_DNS": ",".join(map(_with_port, dns.split(",")))})


def _with_port(server: str) -> str:
    try:
        address = ipaddress.ip_address(server.strip())
    except ValueError:
        return server
    return f"[{address}]:53" if address.version == 6 else f"{address}:53"  # noqa: PLR2004  IPv6


def _table(found: Sequence[Finding]) -> str:
    counts = Counter(finding.severity for finding in found)
    total = ", ".join(f"{counts[severity]} {severity}" for severity in Severity if counts[severity])
    return "\n".join([*map(_entry, found), "", total])


def _entry(finding: Finding) -> str:
    text = textwrap.fill(
        finding.evidence,
        _WIDTH + len(_INDENT),
        initial_indent=f"{finding.severity:<8} {finding.check:<17}",
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    lines = (finding.publish or "").splitlines()
    return "\n".join([text, *(f"{_INDENT}publish: {line}" for line in lines)])
