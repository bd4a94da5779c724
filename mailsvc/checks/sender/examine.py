"""The whole examination: every check at once, each with its own time, the worst findings first."""

import asyncio
from functools import partial

from mailsvc.checks.sender import bimi, bounce, dkim, dmarc, host, marks, mta_sts, spf, tlsrpt
from mailsvc.checks.sender.finding import Finding, Severity, guarded
from mailsvc.checks.sender.https import fetch_policy
from mailsvc.checks.sender.identity import Identity
from mailsvc.checks.sender.policy import suffixes
from mailsvc.dns.resolver import Ask

_ORDER = list(Severity)


async def examine(identity: Identity, ask: Ask, *, now: float, fetch: mta_sts.Fetch | None = None) -> list[Finding]:
    """Return every finding about ``identity``, after 20 seconds at most, whatever DNS does.

    ``ask`` should remember nothing from earlier examinations: `Resolver` answers with stale data while DNS is down.
    ``fetch`` gets the MTA-STS policy; left out, it is fetched over HTTPS.
    """
    await asyncio.to_thread(suffixes)  # read here, not while the loop waits
    groups = await asyncio.gather(
        spf.examine(identity, ask),
        dkim.examine(identity, ask),
        guarded("dmarc.record", dmarc.examine(identity, ask)),
        host.examine(identity, ask),
        bounce.examine(identity, ask, now),
        guarded("mta_sts.record", mta_sts.examine(identity, ask, fetch or partial(fetch_policy, ask), now)),
        guarded("tlsrpt.record", tlsrpt.examine(identity, ask)),
        guarded("bimi.record", bimi.examine(identity, ask)),
    )
    found = [finding for group in groups for finding in group]
    return sorted([*found, *marks.examine(found)], key=lambda finding: _ORDER.index(finding.severity))
