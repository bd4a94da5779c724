"""Can this address receive? The whole check: the text, our lists, the domain's DNS, and what we know of the address.

Decides nothing but how the parts are put together: a reason is found by the room that its part belongs to, and the
verdict is that of the worst. Never mails or connects to anybody. Raises what ``known`` raises, nothing else.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date

from mailsvc.checks.domains import Domains
from mailsvc.checks.lists import Listed, of_domain, without_mail_host
from mailsvc.checks.reading import Reading, read
from mailsvc.domain.address import Address
from mailsvc.domain.address_state import AddressState, Standing
from mailsvc.domain.check import DomainFinding, Reason, ReasonCode, Severity, Verdict, verdict_of

#: Returns the state of an address, None where it was never mailed.
Known = Callable[[Address], Awaitable[Standing | None]]

_BY_STATE = {
    AddressState.UNDELIVERABLE: Reason(ReasonCode.KNOWN_UNDELIVERABLE, Severity.WARN),
    AddressState.MAILBOX_FULL: Reason(ReasonCode.KNOWN_FULL, Severity.WARN),
}
_WORST_FIRST = tuple(reversed(Severity))


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What was found of an address."""

    reading: Reading
    reasons: tuple[Reason, ...] = ()  #: worst first
    suggestions: tuple[str, ...] = ()  #: addresses that may have been meant, likeliest first
    domain: DomainFinding | None = None  #: None where the text is no address
    standing: Standing | None = None  #: None where it is none, or was never mailed

    @property
    def verdict(self) -> Verdict:
        """What the registration form does."""
        return verdict_of(self.reasons)

    @property
    def open(self) -> bool:
        """Whether DNS still has to say if an address that may be accepted meanwhile can receive."""
        temporary = any(reason.code is ReasonCode.DNS_TEMPORARY for reason in self.reasons)
        return temporary and self.verdict is not Verdict.REJECT


class AddressCheck:
    """Checks addresses."""

    def __init__(self, domains: Domains, *, today: Callable[[], date], known: Known) -> None:
        """``today`` returns the day in Japan."""
        self._domains = domains
        self._today = today
        self._known = known

    async def check(self, text: str) -> Checked:
        """Return what is found of a text; total over texts, within `domains.BUDGET` and the time of ``known``."""
        reading = read(text)
        if reading.address is None:
            return Checked(reading=reading, reasons=reading.reasons, suggestions=reading.suggestions)
        listed = of_domain(reading.address, today=self._today())
        standing = await self._known(reading.address)
        return judged(reading, listed, await self._domains.look(reading.address.domain), standing)


def judged(reading: Reading, listed: Listed, domain: DomainFinding, standing: Standing | None) -> Checked:
    """Put together what was found of an address."""
    no_host = verdict_of(domain.reasons) is Verdict.REJECT
    by_lists = without_mail_host(listed.reasons) if no_host else listed.reasons
    by_state = (_BY_STATE[standing.state],) if standing and standing.state in _BY_STATE else ()
    found = (*by_lists, *domain.reasons, *by_state, *reading.reasons)
    return Checked(
        reading=reading,
        reasons=tuple(sorted(found, key=lambda reason: _WORST_FIRST.index(reason.severity))),
        suggestions=tuple(dict.fromkeys((*reading.suggestions, *listed.suggestions))),
        domain=domain,
        standing=standing,
    )
