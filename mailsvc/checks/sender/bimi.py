"""The brand mark beside our mail: ``bimi.record``, with the DMARC policy it depends on.

The record is read; logo (SVG Tiny PS) and certificate (VMC) are not fetched. No code is lost by any of it.
"""

from urllib.parse import urlsplit

from mailsvc.checks.sender.finding import Finding, Severity
from mailsvc.checks.sender.identity import Identity
from mailsvc.checks.sender.policy import PolicyError, organizational, policy_of
from mailsvc.checks.sender.records import of_version, only, shown, texts
from mailsvc.dns.resolver import Ask
from mailsvc.signing.key import txt_line


async def examine(identity: Identity, ask: Ask) -> list[Finding]:
    """Return what is found of the record of the From domain, or of its organizational domain."""
    domain = identity.sender_domain
    name = f"default._bimi.{domain}"
    files = f"l=https://{domain}/bimi/logo.svg; a=https://{domain}/bimi/vmc.pem"
    line = txt_line(name, f"v=BIMI1; {files}")
    found = of_version(await texts(ask, name), "BIMI1")
    found = found or of_version(await texts(ask, f"default._bimi.{organizational(domain)}"), "BIMI1")
    if not found:
        told = f"{name} has no record; it wants the logo (SVG Tiny PS) and its certificate (VMC) at the places it names"
        return [Finding("bimi.record", Severity.INFO, told, line)]
    try:
        record = only(found)
        _check(record)
    except ValueError as error:
        return [Finding("bimi.record", Severity.WARNING, f"{name}: {error}", line)]
    if not record.get("l"):
        return [Finding("bimi.record", Severity.INFO, f"{name}: {shown(found[0])} declines a mark")]
    if unmet := await _policy_fault(ask, domain):
        return [Finding("bimi.record", Severity.INFO, f"{name}: no mark is shown, since {unmet}")]
    if not record.get("a"):
        told = f"{name}: {shown(found[0])} names no certificate (a=): Gmail and au show no mark without"
        return [Finding("bimi.record", Severity.INFO, told)]
    return [Finding("bimi.record", Severity.OK, f"{name}: {shown(found[0])}")]


def _check(record: dict[str, str]) -> None:
    logo, proof = urlsplit(record.get("l", "")), urlsplit(record.get("a", ""))
    if record.get("l") and (logo.scheme != "https" or not logo.path.lower().endswith((".svg", ".svgz"))):
        raise ValueError(f"l={record['l']} is no https address of an SVG file")
    if record.get("a") and proof.scheme != "https":
        raise ValueError(f"a={record['a']} is no https address")


async def _policy_fault(ask: Ask, domain: str) -> str | None:
    """Say which part of DMARC keeps the mark away: quarantine or reject, for all mail, of both domains."""
    for place in dict.fromkeys((domain, organizational(domain))):
        try:
            policy = await policy_of(ask, place)
        except PolicyError as error:
            return str(error)
        if policy is None or not policy.enforced:
            return f"the DMARC policy of {place} is not enforced for all mail"
    return None
