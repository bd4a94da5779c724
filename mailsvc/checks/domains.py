"""Does a domain take mail? What DNS says of it, with the kinds of "no" told apart.

Judges as a sender does (RFC 5321 5.1): one mail exchanger that can be connected to is enough, missing ones are passed
over, and one that is an alias is followed (RFC 2181 10.3 forbids it, senders take it). Where DNS gives no answer within
`BUDGET` nothing is held against the domain: ``dns_temporary``, a finding and no error. Never connects to anybody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from enum import Enum, auto

from mailsvc.checks.kept import Kept
from mailsvc.dns import DnsTrouble, MailHosts, NoSuchDomain, NullMx, is_public
from mailsvc.domain.check import DomainFinding, MailHost, Reason, ReasonCode, Severity

#: Seconds a look takes at most; the answer to a form has 5 (CONTRACT 3.4), and other things to do.
BUDGET = 4.0
#: So long one mail exchanger is waited for before the next one is looked up as well (seconds).
HEAD_START = 0.2

#: Whether a domain took a mail lately, so that a DNS which denies it is not believed.
TookMail = Callable[[str], Awaitable[bool]]


class _Host(Enum):
    """What is known of a mail exchanger."""

    REACHABLE = auto()
    NOT_PUBLIC = auto()  #: its addresses lead into private networks, or to ourselves
    MISSING = auto()
    NOT_KNOWN = auto()  #: DNS gave no answer


#: What is held against a domain none of whose hosts is reachable: the first of these that one of them is.
_HELD_AGAINST = {
    _Host.NOT_KNOWN: Reason(ReasonCode.DNS_TEMPORARY, Severity.UNKNOWN),
    _Host.NOT_PUBLIC: Reason(ReasonCode.MAIL_HOST_NOT_PUBLIC, Severity.REJECT),
    _Host.MISSING: Reason(ReasonCode.NO_MAIL_HOST, Severity.REJECT),
}
_TROUBLE = _HELD_AGAINST[_Host.NOT_KNOWN]


async def nobody_knows(_domain: str) -> bool:
    """Know of no domain that it took a mail."""
    return False


class Domains:
    """Looks domains up."""

    def __init__(
        self,
        hosts: MailHosts,
        *,
        allow_private: bool = False,
        own_addresses: Collection[str] = (),
        took_mail: TookMail = nobody_knows,
    ) -> None:
        """``own_addresses`` are this machine's: a mail exchanger there is our own, and a mail would go in circles."""
        self._hosts = hosts
        self._allow_private = allow_private
        self._own = frozenset(own_addresses)
        self._took_mail = took_mail
        self._finding = Kept(self._find, keeps=lambda finding: _TROUBLE not in finding.reasons)
        self._host = Kept(self._find_host, keeps=lambda host: host is not _Host.NOT_KNOWN)

    async def look(self, domain: str) -> DomainFinding:
        """Return what DNS says of a domain, given in ASCII."""
        return await self._finding(domain.lower())

    async def _find(self, name: str) -> DomainFinding:
        mx: tuple[MailHost, ...] = ()
        try:
            async with asyncio.timeout(BUDGET):
                mx = await self._mail_hosts(name)
                hosts = await self._judge(mx)
        except NoSuchDomain:
            return await self._denied(DomainFinding(ascii=name), ReasonCode.NO_SUCH_DOMAIN)
        except NullMx:
            return await self._denied(DomainFinding(ascii=name, null_mx=True), ReasonCode.NULL_MX)
        except (DnsTrouble, TimeoutError):
            return DomainFinding(ascii=name, mx=mx, reasons=(_TROUBLE,))
        if hosts is not _Host.MISSING:
            return DomainFinding(ascii=name, mx=mx, reasons=(_HELD_AGAINST[hosts],) if hosts in _HELD_AGAINST else ())
        implicit = mx == (MailHost(0, name),)
        return await self._denied(DomainFinding(ascii=name, mx=() if implicit else mx), ReasonCode.NO_MAIL_HOST)

    async def _mail_hosts(self, name: str) -> tuple[MailHost, ...]:
        found = [MailHost(exchange.preference, exchange.host) for exchange in await self._hosts.exchanges(name)]
        return tuple(sorted(found, key=lambda host: (host.preference, host.host)))

    async def _judge(self, mx: Sequence[MailHost]) -> _Host:
        """Return `_Host.REACHABLE` as soon as one host is, else what is held against all of them."""
        found: set[_Host] = set()
        asking: set[asyncio.Task[_Host]] = set()
        waiting = list(reversed(mx))
        try:
            while (waiting or asking) and _Host.REACHABLE not in found:
                if waiting:
                    asking.add(asyncio.create_task(self._host(waiting.pop().host)))
                done, asking = await asyncio.wait(
                    asking, timeout=HEAD_START if waiting else None, return_when=asyncio.FIRST_COMPLETED
                )
                found.update(task.result() for task in done)
        finally:
            for task in asking:
                task.cancel()
        return next(host for host in (_Host.REACHABLE, *_HELD_AGAINST) if host in found)

    async def _find_host(self, host: str) -> _Host:
        try:
            addresses = await self._hosts.addresses(host)
        except DnsTrouble:
            return _Host.NOT_KNOWN
        if not addresses:
            return _Host.MISSING
        return _Host.REACHABLE if any(map(self._reachable, addresses)) else _Host.NOT_PUBLIC

    def _reachable(self, ip: str) -> bool:
        return self._allow_private or (is_public(ip) and ip not in self._own)

    async def _denied(self, finding: DomainFinding, code: ReasonCode) -> DomainFinding:
        """Return the finding of a domain that DNS denies; one that took mail lately has broken DNS (DESIGN 4)."""
        broken = await self._took_mail(finding.ascii)
        reason = _TROUBLE if broken else Reason(code, Severity.REJECT)
        return DomainFinding(ascii=finding.ascii, mx=finding.mx, null_mx=finding.null_mx, reasons=(reason,))
