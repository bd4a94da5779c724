"""SPF of the envelope domain and of the header domain: ``spf.envelope``, ``spf.header``.

Strict carriers (au なりすまし規制(高), SoftBank) ask it of both. Looked at as receivers do (`spf_walk`): what mail of a
stranger gets, then what the addresses get that we send from.
"""

import asyncio
import ipaddress

from mailsvc.checks.sender.finding import Finding, Severity, guarded
from mailsvc.checks.sender.identity import Identity, Senders, senders
from mailsvc.checks.sender.records import shown, texts
from mailsvc.checks.sender.spf_record import SpfError, SpfRecord, is_spf
from mailsvc.checks.sender.spf_walk import LOOKUPS_MAX, Walk, record_of
from mailsvc.dns.resolver import Ask
from mailsvc.signing.key import txt_line

#: With so many terms that ask DNS, the next change of an included record may break ours.
LOOKUPS_MANY = 9


async def examine(identity: Identity, ask: Ask) -> list[Finding]:
    """Return what is found of both domains."""
    ours = await senders(identity, ask)
    envelope = guarded("spf.envelope", _Domain(identity, ask, ours, "spf.envelope", identity.bounce_domain).examine())
    if identity.sender_domain == identity.bounce_domain:
        same = f"{identity.sender_domain} is the envelope domain too: see spf.envelope"
        return [*await envelope, Finding("spf.header", Severity.INFO, same)]
    header = guarded("spf.header", _Domain(identity, ask, ours, "spf.header", identity.sender_domain).examine())
    return [finding for findings in await asyncio.gather(envelope, header) for finding in findings]


class _Domain:
    """The look at one domain."""

    def __init__(self, identity: Identity, ask: Ask, ours: Senders, check: str, domain: str) -> None:
        self._identity = identity
        self._ask = ask
        self._ours = ours
        self._check = check
        self._domain = domain

    async def examine(self) -> list[Finding]:
        stranger = Walk(self._ask, None)
        try:
            record = await record_of(self._ask, self._domain)
            if record is None:
                missing = f"{self._domain} has no SPF record; sending addresses: {self._ours.origin}"
                return [self._found(Severity.ERROR, missing, self._record_of_ours())]
            result = await stranger.check(self._domain)
            found = self._of_strangers(record, result) + self._of_cost(record, stranger)
            found += await self._of_ours(record)
        except SpfError as error:
            return [self._found(Severity.ERROR, str(error), await self._merged() or self._record_of_ours())]
        fine = f"{self._domain}: {shown(record.text)}, {stranger.lookups} of {LOOKUPS_MAX} look-ups"
        return found or [self._found(Severity.OK, f"{fine}, covers {', '.join(self._ours.addresses)}")]

    def _of_strangers(self, record: SpfRecord, result: str) -> list[Finding]:
        """Say what the record lets anybody do."""
        said = f"{self._domain}: {shown(record.text)}"
        if result == "pass":
            return [self._found(Severity.ERROR, f"{said} lets every address send in our name", self._record_of_ours())]
        if result == "neutral":
            closed = txt_line(self._domain, " ".join([*_without_all(record.text), "-all"]))
            return [self._found(Severity.WARNING, f"{said} says nothing of other addresses (no -all)", closed)]
        return []

    def _of_cost(self, record: SpfRecord, walk: Walk) -> list[Finding]:
        found = []
        if walk.lookups >= LOOKUPS_MANY:
            many = f"{self._domain}: {walk.lookups} of {LOOKUPS_MAX} terms that may ask DNS are used up"
            found.append(self._found(Severity.WARNING, many, self._record_of_ours()))
        if any(directive.mechanism == "ptr" for directive in record.directives):
            found.append(self._found(Severity.WARNING, f"{self._domain}: {shown(record.text)} relies on ptr"))
        return found

    async def _of_ours(self, record: SpfRecord) -> list[Finding]:
        """Say whether the addresses we send from are covered."""
        if self._identity.relay is not None:
            told = f"all mail leaves through {self._identity.relay}: whether {self._domain} covers the addresses"
            return [self._found(Severity.INFO, f"{told} that it sends from ({shown(record.text)}) is not seen here")]
        if not self._ours.addresses:
            severity = Severity.UNKNOWN if self._ours.trouble else Severity.INFO
            return [self._found(severity, f"which addresses {self._domain} has to cover: {self._ours.origin}")]
        walks = {ip: Walk(self._ask, ipaddress.ip_address(ip)) for ip in self._ours.addresses}
        results = {ip: await walk.check(self._domain) for ip, walk in walks.items()}
        refused = [ip for ip, result in results.items() if result != "pass"]
        if not refused:
            return []
        unsure = {term for ip in refused for term in walks[ip].unsure}
        said = ", ".join(f"{ip}: {results[ip]}" for ip in refused) + f" by {shown(record.text)} of {self._domain}"
        if unsure:
            return [self._found(Severity.UNKNOWN, f"{said}, but for {', '.join(sorted(unsure))}")]
        return [self._found(Severity.ERROR, f"{said}; known from {self._ours.origin}", self._widened(record, refused))]

    def _widened(self, record: SpfRecord, refused: list[str]) -> str:
        """Return the record with our addresses in front."""
        version, _, rest = record.text.partition(" ")
        return txt_line(self._domain, " ".join([version, *map(_term, refused), rest]))

    async def _merged(self) -> str | None:
        """Return one record instead of several."""
        found = [text for text in await texts(self._ask, self._domain) if is_spf(text)]
        terms = dict.fromkeys(term for text in found for term in _without_all(text))
        return txt_line(self._domain, " ".join([*terms, "-all"])) if len(found) > 1 else None

    def _record_of_ours(self) -> str | None:
        """Return a record that covers us and nobody else, where our addresses are known."""
        if self._identity.relay is not None or not self._ours.addresses:
            return None
        return txt_line(self._domain, " ".join(["v=spf1", *map(_term, self._ours.addresses), "-all"]))

    def _found(self, severity: Severity, evidence: str, publish: str | None = None) -> Finding:
        return Finding(self._check, severity, evidence, publish)


def _term(ip: str) -> str:
    return f"ip6:{ip}" if ":" in ip else f"ip4:{ip}"


def _without_all(text: str) -> list[str]:
    return [term for term in text.split() if term.lower().lstrip("+-~?") != "all"]
