"""DMARC: ``dmarc.record``, ``dmarc.policy``, ``dmarc.alignment``, ``dmarc.reports``.

Our DKIM signature is aligned by construction, since ``d=`` is the domain of the From address; what can fail is SPF's.
"""

import re

from mailsvc.checks.sender.finding import Finding, Severity, guarded
from mailsvc.checks.sender.identity import Identity
from mailsvc.checks.sender.policy import Policy, PolicyError, dmarc_line, organizational, policy_of
from mailsvc.checks.sender.records import of_version, shown, texts
from mailsvc.dns.resolver import Ask
from mailsvc.signing.key import txt_line

#: ``mailto:`` with an address, and the size limit of RFC 7489 6.2.
_MAILTO = re.compile(r"mailto:[^@,!\s]+@([^@,!\s]+?)(?:!\d+[kmgt]?)?", re.IGNORECASE)


async def examine(identity: Identity, ask: Ask) -> list[Finding]:
    """Return what is found of the policy of the From domain."""
    domain = identity.sender_domain
    wanted = dmarc_line(domain, f"v=DMARC1; p=reject; rua=mailto:postmaster@{identity.bounce_domain}")
    try:
        policy = await policy_of(ask, domain)
    except PolicyError as error:
        return [Finding("dmarc.record", Severity.ERROR, str(error), wanted)]
    if policy is None:
        missing = f"neither _dmarc.{domain} nor that of its organizational domain {organizational(domain)}"
        return [Finding("dmarc.record", Severity.ERROR, f"{missing} has a DMARC record", wanted)]
    return [
        Finding("dmarc.record", Severity.OK, f"_dmarc.{policy.found_at}: {shown(policy.record)}"),
        _asked(policy),
        _alignment(identity, policy),
        *await guarded("dmarc.reports", _reports(identity, ask, policy)),
    ]


def _asked(policy: Policy) -> Finding:
    said = f"_dmarc.{policy.found_at} asks for {policy.asks}"
    if policy.asks == "none":
        told = f"{said}: mail in our name is delivered whatever SPF and DKIM say"
        return Finding("dmarc.policy", Severity.WARNING, told, policy.changed(p="reject"))
    if policy.partial:
        told = f"{said}, but {policy.partial} takes a part of the mail out of it"
        return Finding("dmarc.policy", Severity.WARNING, told, policy.changed(p="reject"))
    if policy.asks == "quarantine":
        told = f"{said}: forged mail goes to the spam folder; reject keeps it away"
        return Finding("dmarc.policy", Severity.INFO, told, policy.changed(p="reject"))
    return Finding("dmarc.policy", Severity.OK, said)


def _alignment(identity: Identity, policy: Policy) -> Finding:
    sender, bounce = identity.sender_domain, identity.bounce_domain
    strict = policy.strict("aspf")
    signed = f"DKIM is aligned (d={sender})"
    if bounce == sender or (not strict and organizational(bounce) == organizational(sender)):
        return Finding("dmarc.alignment", Severity.OK, f"{signed}, SPF too (envelope {bounce})")
    told = f"{signed}, SPF is not: the envelope domain {bounce} does not go with {sender}"
    if strict and organizational(bounce) == organizational(sender):
        return Finding("dmarc.alignment", Severity.WARNING, f"{told} under aspf=s", policy.changed(aspf="r"))
    return Finding(
        "dmarc.alignment", Severity.WARNING, f"{told}; set MAILSVC_BOUNCE_DOMAIN to {sender} or a name below it"
    )


async def _reports(identity: Identity, ask: Ask, policy: Policy) -> list[Finding]:
    """Say who gets the aggregate reports, and whether they may be sent there (RFC 7489 7.1)."""
    written = [uri.strip() for uri in policy.tags.get("rua", "").split(",") if uri.strip()]
    if not written:
        line = policy.changed(rua=f"mailto:postmaster@{identity.bounce_domain}")
        return [Finding("dmarc.reports", Severity.INFO, "nobody gets the aggregate reports (no rua=)", line)]
    found = []
    for uri in written:
        address = _MAILTO.fullmatch(uri)
        if address is None:
            found.append(Finding("dmarc.reports", Severity.WARNING, f"rua={shown(uri)} is no mailto: address"))
        elif not await _wanted_there(ask, policy, address[1].lower()):
            name = f"{policy.found_at}._report._dmarc.{address[1].lower()}"
            told = f"{uri} gets no reports: that domain does not say at {name} that it takes ours"
            found.append(Finding("dmarc.reports", Severity.WARNING, told, txt_line(name, "v=DMARC1")))
    return found or [Finding("dmarc.reports", Severity.OK, f"reports go to {', '.join(written)}")]


async def _wanted_there(ask: Ask, policy: Policy, host: str) -> bool:
    if organizational(host) == organizational(policy.found_at):
        return True
    return bool(of_version(await texts(ask, f"{policy.found_at}._report._dmarc.{host}"), "DMARC1"))
