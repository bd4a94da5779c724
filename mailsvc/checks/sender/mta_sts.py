"""MTA-STS of the bounce domain (RFC 8461): ``mta_sts.record``, ``mta_sts.policy``.

It protects what comes back. A wrong policy does harm: under ``enforce`` reports are not delivered at all.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from mailsvc.checks.sender.bounce import mail_hosts, reachable_hosts, tls_fault
from mailsvc.checks.sender.certificate import covers
from mailsvc.checks.sender.finding import Finding, Severity, guarded
from mailsvc.checks.sender.https import PATH, PolicyUnreachable, PolicyWrong
from mailsvc.checks.sender.identity import Identity
from mailsvc.checks.sender.records import of_version, only, shown, texts
from mailsvc.dns.resolver import Ask
from mailsvc.signing.key import txt_line

#: Returns the policy text that a host serves, or raises as `fetch_policy` does.
Fetch = Callable[[str], Awaitable[str]]

_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_MODES = ("enforce", "testing", "none")
_AGE_MAX = 31557600  # seconds, RFC 8461 3.2


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """A policy file, RFC 8461 3.2."""

    mode: str
    hosts: tuple[str, ...]  #: ``mx:`` patterns, lower case


async def examine(identity: Identity, ask: Ask, fetch: Fetch, now: float) -> list[Finding]:
    """Return what is found of the record, and of the policy where there is a record."""
    name = f"_mta-sts.{identity.bounce_domain}"
    line = txt_line(name, f"v=STSv1; id={datetime.fromtimestamp(now, UTC):%Y%m%d%H%M%S}")
    found = of_version(await texts(ask, name), "STSv1")
    if not found:
        hosts = ", ".join(f"mx: {host}" for host in await mail_hosts(ask, identity.bounce_domain))
        policy = f"version: STSv1, mode: testing, {hosts or 'mx: …'}, max_age: 604800, each on a line"
        told = f"{name} has no record; first https://mta-sts.{identity.bounce_domain}{PATH} has to serve {policy}"
        return [Finding("mta_sts.record", Severity.INFO, told, line)]
    try:
        _check(only(found))
    except ValueError as error:
        return [Finding("mta_sts.record", Severity.WARNING, f"{name}: {error}", line)]
    policy_found = await guarded("mta_sts.policy", _examine_policy(identity, ask, fetch, now))
    return [Finding("mta_sts.record", Severity.OK, f"{name}: {shown(found[0])}"), *policy_found]


def _check(record: dict[str, str]) -> None:
    if not _ID.fullmatch(record.get("id", "")):
        raise ValueError("id= is missing, or not of 1 to 32 letters and digits")


async def _examine_policy(identity: Identity, ask: Ask, fetch: Fetch, now: float) -> list[Finding]:
    try:
        policy = parse(await fetch(f"mta-sts.{identity.bounce_domain}"))
    except PolicyUnreachable as error:
        return [Finding("mta_sts.policy", Severity.UNKNOWN, str(error))]
    except (PolicyWrong, ValueError) as error:
        return [Finding("mta_sts.policy", Severity.WARNING, f"senders find no policy: {error}")]
    if policy.mode == "none":
        return [Finding("mta_sts.policy", Severity.INFO, "mode: none asks for nothing")]
    hosts = await reachable_hosts(identity, ask)
    faults = [
        f"{host} is under no mx: of the policy" for host in hosts if not any(covers(mx, host) for mx in policy.hosts)
    ]
    if identity.receives and (fault := tls_fault(identity, hosts, now)):
        faults.append(fault)
    if not faults:
        return [Finding("mta_sts.policy", Severity.OK, f"mode: {policy.mode}, mx: {', '.join(policy.hosts)}")]
    severity = Severity.ERROR if policy.mode == "enforce" else Severity.WARNING
    return [Finding("mta_sts.policy", severity, f"mode: {policy.mode}: {'; '.join(faults)}")]


def parse(text: str) -> StsPolicy:
    """Read a policy file; raise ValueError where senders could not use it."""
    pairs = [line.partition(":") for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    fields = [(name.strip(), value.strip()) for name, _, value in pairs]
    first = dict(reversed(fields))  # the first of each counts
    hosts = tuple(value.lower() for name, value in fields if name == "mx")
    if first.get("version") != "STSv1":
        raise ValueError("version: is not STSv1")
    if first.get("mode") not in _MODES:
        raise ValueError(f"mode: is none of {', '.join(_MODES)}")
    if not re.fullmatch(r"\d{1,10}", first.get("max_age", "")) or int(first["max_age"]) > _AGE_MAX:
        raise ValueError(f"max_age: is no number of seconds up to {_AGE_MAX}")
    if not hosts and first["mode"] != "none":
        raise ValueError("mx: is missing")
    return StsPolicy(first["mode"], hosts)
