"""Whether what comes back can come back: ``bounce.mx``, ``bounce.tls``, and ``sender.mx`` of the From domain.

Nothing is connected to: many networks let no machine reach port 25 of its own public address.
"""

import asyncio
import re

from mailsvc.checks.sender import certificate
from mailsvc.checks.sender.finding import Finding, Severity, guarded
from mailsvc.checks.sender.identity import Identity, addresses, is_full_name
from mailsvc.dns import MailHosts, NoSuchDomain, NullMx
from mailsvc.dns.resolver import Ask

#: A certificate is to be renewed when so much is left (seconds).
RENEWAL = 14 * 86400.0

_IP = re.compile(r"[\d.]+|.*:.*")


async def examine(identity: Identity, ask: Ask, now: float) -> list[Finding]:
    """Return what is found of the mail exchangers and of the receiver's certificate."""
    looked = [
        guarded("bounce.mx", _mx("bounce.mx", identity, ask, identity.bounce_domain)),
        guarded("bounce.tls", _tls(identity, ask, now)),
    ]
    if identity.sender_domain == identity.bounce_domain:
        same = f"{identity.sender_domain} is the bounce domain too: see bounce.mx"
        told = [Finding("sender.mx", Severity.INFO, same)]
    else:
        told = []
        looked.append(guarded("sender.mx", _mx("sender.mx", identity, ask, identity.sender_domain)))
    return [*told, *(finding for findings in await asyncio.gather(*looked) for finding in findings)]


async def mail_hosts(ask: Ask, domain: str) -> list[str]:
    """Return the mail exchangers; none where the domain does not exist or takes no mail."""
    try:
        return [exchange.host for exchange in await MailHosts(ask).exchanges(domain)]
    except (NoSuchDomain, NullMx):
        return []


async def reachable_hosts(identity: Identity, ask: Ask) -> list[str]:
    """Return the mail exchangers of the bounce domain that mail gets to; ``bounce.mx`` tells of the others."""
    hosts = await mail_hosts(ask, identity.bounce_domain)
    return [host for host in hosts if not await _host_fault(identity, ask, host)]


async def _mx(check: str, identity: Identity, ask: Ask, domain: str) -> list[Finding]:
    """Say whether a domain takes mail; that of the envelope has to, that of From should (RFC 7505 4.2)."""
    line = f"{domain}. IN MX 10 {identity.helo}." if identity.receives and is_full_name(identity.helo) else None
    lost = Severity.ERROR if check == "bounce.mx" else Severity.WARNING
    try:
        explicit = bool((await ask(domain, "MX")).values)
        hosts = [exchange.host for exchange in await MailHosts(ask).exchanges(domain)]
    except NoSuchDomain:
        return [Finding(check, Severity.ERROR, f"{domain} does not exist: sites refuse mail from it", line)]
    except NullMx as error:
        return [Finding(check, lost, str(error), line)]
    said = f"{domain}: {', '.join(hosts)}" if explicit else f"{domain} has no MX record, its own address is asked"
    faults = [fault for host in hosts if (fault := await _host_fault(identity, ask, host))]
    if faults:
        all_lost = len(faults) == len(hosts) and all(severity is Severity.ERROR for severity, _ in faults)
        told = "; ".join(text for _, text in faults)
        return [Finding(check, lost if all_lost else Severity.WARNING, f"{said}: {told}", line)]
    return [Finding(check, Severity.OK, said)] if explicit else [Finding(check, Severity.WARNING, said, line)]


async def _host_fault(identity: Identity, ask: Ask, host: str) -> tuple[Severity, str] | None:
    """Say why no mail gets to a mail exchanger, or None where one of its addresses will do."""
    if _IP.fullmatch(host):
        return Severity.ERROR, f"{host} is an address where a name has to be"
    faults = [identity.address_fault(ip) for ip in await addresses(ask, host)]
    if not faults:
        return Severity.ERROR, f"{host} has no address"
    told = [fault for fault in faults if fault is not None]
    if len(told) < len(faults):
        return None
    worst = Severity.ERROR if all(severity is Severity.ERROR for severity, _ in told) else Severity.WARNING
    return worst, f"{host}: {'; '.join(text for _, text in told)}"


async def _tls(identity: Identity, ask: Ask, now: float) -> list[Finding]:
    if not identity.receives:
        told = "there is no receiver here: the certificate of the mail exchanger is that system's"
        return [Finding("bounce.tls", Severity.INFO, told)]
    hosts = await reachable_hosts(identity, ask)
    fault = tls_fault(identity, hosts, now)
    if fault:
        return [Finding("bounce.tls", Severity.WARNING, fault)]
    assert identity.certificate is not None
    offered = certificate.read(identity.certificate)
    left = offered.not_after - now
    told = f"the receiver's certificate, for {', '.join(offered.names)}, has {left / 86400:.0f} days left"
    return [Finding("bounce.tls", Severity.WARNING if left < RENEWAL else Severity.OK, told)]


def tls_fault(identity: Identity, hosts: list[str], now: float) -> str | None:
    """Say why sites that insist on TLS would not give their reports to our receiver, or None."""
    if identity.certificate is None:
        return "the receiver offers no TLS: reports, which hold what we sent, come in clear; set MAILSVC_RECEIVER_TLS"
    try:
        offered = certificate.read(identity.certificate)
    except ValueError as error:
        return f"the receiver's certificate cannot be read: {error}"
    faults = [fault for host in hosts if (fault := offered.fault(host, now))]
    # One listener may stand behind one of several exchangers.
    return f"the receiver's certificate: {'; '.join(dict.fromkeys(faults))}" if len(faults) == len(hosts) > 0 else None
