"""TLSRPT of the bounce domain (RFC 8460): ``tlsrpt.record``, who is told when TLS towards our receiver fails."""

import re

from mailsvc.checks.sender.finding import Finding, Severity
from mailsvc.checks.sender.identity import Identity
from mailsvc.checks.sender.records import of_version, only, shown, texts
from mailsvc.dns.resolver import Ask
from mailsvc.signing.key import txt_line

_URI = re.compile(r"mailto:[^@,\s]+@[^@,\s]+|https://\S+", re.IGNORECASE)


async def examine(identity: Identity, ask: Ask) -> list[Finding]:
    """Return what is found of the record."""
    name = f"_smtp._tls.{identity.bounce_domain}"
    line = txt_line(name, f"v=TLSRPTv1; rua=mailto:postmaster@{identity.bounce_domain}")
    found = of_version(await texts(ask, name), "TLSRPTv1")
    if not found:
        return [Finding("tlsrpt.record", Severity.INFO, f"{name} has no record: nobody gets TLS reports", line)]
    try:
        _check(only(found))
    except ValueError as error:
        return [Finding("tlsrpt.record", Severity.WARNING, f"{name}: {error}", line)]
    return [Finding("tlsrpt.record", Severity.OK, f"{name}: {shown(found[0])}")]


def _check(record: dict[str, str]) -> None:
    for uri in record.get("rua", "").split(","):
        if not _URI.fullmatch(uri.strip()):
            raise ValueError(f"rua={shown(uri)} is neither mailto: nor https:")
