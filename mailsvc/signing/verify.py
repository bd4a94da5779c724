"""dkimpy as the judge of our own signatures: at start, and on a sample of live mail.

Decides whether every ``DKIM-Signature`` of a mail holds. Shares no code with the signer. Never raises for what a
mail contains: that is an answer (False); what the look-up of a record raises is passed on.
"""

from collections.abc import Callable, Sequence

import dkim

from mailsvc.signing.key import RSA_BITS, DkimKeyError
from mailsvc.signing.signer import Signer

#: What dkimpy raises on a message or record it cannot read; its parsers do not catch everything.
_UNREADABLE = (dkim.DKIMException, AssertionError, LookupError, TypeError, ValueError)

Lookup = Callable[[str], str | bytes | None]


def verify(raw: bytes, txt: Lookup) -> bool:
    """Say whether ``raw`` is signed and each signature holds.

    ``txt`` returns the TXT record at a name (no root dot), joined to one string, or None. ``x=`` and ``t=`` are
    compared with the clock of the machine, with ten hours of leeway.
    """
    try:
        count = sum(name.lower() == b"dkim-signature" for name, _ in dkim.rfc822_parse(raw)[0])
    except _UNREADABLE:
        return False
    return count > 0 and all(_holds(raw, index, txt) for index in range(count))


def self_test(signer: Signer, headers: Sequence[tuple[str, bytes]], body: bytes, *, now: float) -> None:
    """Sign a sample as at ``now`` and verify it against the keys' own public records.

    Raise `DkimKeyError` naming the selector whose signature does not hold: the key is broken, or we are.
    """
    records = {key.info.name: key.info.value for key in signer.keys}
    signatures = signer.sign(headers, body, at=now, expires=now)
    raw = signatures + b"".join(b"%b:%b\r\n" % (n.encode(), v) for n, v in headers) + b"\r\n" + body
    for index, key in enumerate(signer.keys):
        if not _holds(raw, index, records.get):
            raise DkimKeyError(f"a mail signed with {key.info.selector} does not verify: replace the key")


def _holds(raw: bytes, index: int, txt: Lookup) -> bool:
    def record(name: bytes, timeout: float) -> str | bytes | None:  # noqa: ARG001 dkimpy passes it by name
        return txt(name.decode().removesuffix("."))

    try:
        return bool(dkim.DKIM(raw, minkey=RSA_BITS).verify(index, dnsfunc=record))
    except _UNREADABLE:
        return False
