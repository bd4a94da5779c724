"""The name we greet with and the names of our addresses: ``host.helo``, ``host.ptr``.

Where a relay takes all mail, receivers see its name and address: what is found here is then for information only.
"""

import asyncio
from dataclasses import replace

import dns.reversename

from mailsvc.checks.sender.finding import Finding, Severity, guarded
from mailsvc.checks.sender.identity import Identity, Senders, addresses, is_full_name, senders
from mailsvc.dns import NoSuchDomain
from mailsvc.dns.resolver import Ask

#: Names of one address that are looked at, as in RFC 7208 4.6.4.
NAMES_MAX = 10


async def examine(identity: Identity, ask: Ask) -> list[Finding]:
    """Return what is found of HELO and PTR."""
    ours = await senders(identity, ask)
    looked = [guarded("host.helo", _helo(identity, ask, ours))]
    looked += [guarded("host.ptr", _ptr(identity, ask, ip)) for ip in ours.addresses]
    found = [finding for findings in await asyncio.gather(*looked) for finding in findings]
    if not ours.addresses:
        severity = Severity.UNKNOWN if ours.trouble else Severity.INFO
        found.append(Finding("host.ptr", severity, f"no address to look up: {ours.origin}"))
    return [_of_no_weight(finding, identity.relay) for finding in found] if identity.relay else found


async def _helo(identity: Identity, ask: Ask, ours: Senders) -> list[Finding]:
    name = identity.helo
    if name.startswith("["):
        told = f"{name} is an address literal: set MAILSVC_HELO to the name of the sending address"
        return [Finding("host.helo", Severity.WARNING, told)]
    if not is_full_name(name):
        told = f"{name} is no full host name of the Internet: set MAILSVC_HELO to the name of the sending address"
        return [Finding("host.helo", Severity.ERROR, told)]
    found = await addresses(ask, name)
    lines = "\n".join(f"{name}. IN {'AAAA' if ':' in ip else 'A'} {ip}" for ip in ours.addresses) or None
    if not found:
        return [Finding("host.helo", Severity.ERROR, f"{name} has no address", lines)]
    faults = [fault for ip in found if (fault := identity.address_fault(ip))]
    if faults:
        severity = min((severity for severity, _ in faults), key=list(Severity).index)
        return [Finding("host.helo", severity, f"{name}: {'; '.join(text for _, text in faults)}", lines)]
    if set(ours.addresses) - set(found):
        told = f"{name} is {', '.join(found)}; mails leave from {', '.join(ours.addresses)}"
        return [Finding("host.helo", Severity.WARNING, told, lines)]
    return [Finding("host.helo", Severity.OK, f"{name} is {', '.join(found)}")]


async def _ptr(identity: Identity, ask: Ask, ip: str) -> list[Finding]:
    """Say whether an address has a name that leads back to it (forward-confirmed reverse DNS)."""
    reverse = dns.reversename.from_address(ip).to_text(omit_final_dot=True)
    line = f"{reverse}. IN PTR {identity.helo}." if is_full_name(identity.helo) else None
    try:
        names = [name.rstrip(".").lower() for name in (await ask(reverse, "PTR")).values]
    except NoSuchDomain:
        names = []
    if not names:
        return [Finding("host.ptr", Severity.ERROR, f"{ip} has no name (no PTR record)", line)]
    confirmed = [name for name in names[:NAMES_MAX] if ip in await addresses(ask, name)]
    if not confirmed:
        told = f"{ip} is named {', '.join(names[:NAMES_MAX])}, which does not lead back to it"
        return [Finding("host.ptr", Severity.ERROR, told, line)]
    other = "" if identity.helo in confirmed else f"; HELO is another name, {identity.helo}"
    severity = Severity.INFO if other else Severity.OK
    return [Finding("host.ptr", severity, f"{ip} is named {', '.join(confirmed)}, and that name is {ip}{other}")]


def _of_no_weight(finding: Finding, relay: str | None) -> Finding:
    if finding.severity not in (Severity.ERROR, Severity.WARNING):
        return finding
    told = f"{finding.evidence} (all mail leaves through {relay}: receivers see its name and address instead)"
    return replace(finding, severity=Severity.INFO, evidence=told)
