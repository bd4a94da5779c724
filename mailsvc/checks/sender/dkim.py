"""Each signing key and the record that DNS shows of it: ``dkim.keys``, ``dkim.<selector>``.

The record must be exactly ours (`KeyInfo.fault`): the start in production takes no other. This room tells the reason.
"""

import asyncio
import base64

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailsvc.checks.sender.finding import Finding, Severity, guarded
from mailsvc.checks.sender.identity import Identity
from mailsvc.checks.sender.records import shown, tags, texts
from mailsvc.dns.resolver import Ask
from mailsvc.signing.key import KeyInfo


async def examine(identity: Identity, ask: Ask) -> list[Finding]:
    """Return what is found of the keys that sign or are to sign; retired ones sign nothing."""
    checked = [key for key in identity.keys if key.state != "retired"]
    found = await asyncio.gather(*(guarded(f"dkim.{key.selector}", _examine_key(key, ask)) for key in checked))
    return [*_keys(identity), *(finding for findings in found for finding in findings)]


def _keys(identity: Identity) -> list[Finding]:
    if identity.key_fault is not None:
        return [Finding("dkim.keys", Severity.ERROR, identity.key_fault)]
    signing = [key for key in identity.keys if key.state == "active"]
    if not any(key.algorithm == "rsa-sha256" for key in signing):
        missing = f"{identity.sender_domain} has no active rsa-sha256 key: no mail can leave; run mailsvc dkim new"
        return [Finding("dkim.keys", Severity.ERROR, missing)]
    return [Finding("dkim.keys", Severity.OK, f"signing: {', '.join(key.selector for key in signing)}")]


async def _examine_key(key: KeyInfo, ask: Ask) -> list[Finding]:
    check = f"dkim.{key.selector}"
    records = await texts(ask, key.name)
    fault = key.fault(records)
    if key.state == "pending":
        told = f"{fault or 'its record is published'}; it signs after: mailsvc dkim activate {key.selector}"
        return [Finding(check, Severity.INFO, told, key.zone_line if fault else None)]
    if fault is None:
        return [Finding(check, Severity.OK, f"{key.name} shows the key ({key.algorithm})")]
    reason = f": {_difference(records[0], key)}; found {shown(records[0])}" if len(records) == 1 else ""
    return [Finding(check, Severity.ERROR, fault + reason, key.zone_line)]


def _difference(record: str, key: KeyInfo) -> str:
    """Say how the record at the key's name differs from the one it should be (RFC 6376 3.6.1)."""
    try:
        found, wanted = tags(record), tags(key.value)
    except ValueError as error:
        return f"it is no tag list, {error}"
    public = "".join(found.get("p", "").split())
    faults = (
        ("p" in found and not public, "it is revoked (empty p=)"),
        (found.get("v", "DKIM1") != "DKIM1", f"v={found.get('v')} is no version of DKIM"),
        (found.get("k", "rsa") != wanted["k"], f"it is for k={found.get('k', 'rsa')}, the key is {wanted['k']}"),
        (public != wanted["p"], _other_key(public, wanted["p"])),
        ("y" in _listed(found.get("t", "")), "t=y calls the signatures a test: receivers treat them as none"),
        ("sha256" not in _listed(found.get("h", "sha256")), f"h={found.get('h')} does not let sha256 sign"),
        (True, f"its tags are {', '.join(found)} where {', '.join(wanted)} are expected"),
    )
    return next(told for wrong, told in faults if wrong)


def _other_key(public: str, wanted: str) -> str:
    """Say what a ``p=`` shows that is not our key."""
    if wanted.startswith(public):
        return f"the key is cut off after {len(public)} of {len(wanted)} characters"
    try:
        key = load_der_public_key(base64.b64decode(public, validate=True))
    except (ValueError, UnsupportedAlgorithm):  # also the bare 32 octets of Ed25519
        return "it shows another key, or none"
    bits = f", one of {key.key_size} bits" if isinstance(key, RSAPublicKey) else ""
    return f"it shows another key{bits}"


def _listed(value: str) -> list[str]:
    return value.replace(" ", "").split(":")
