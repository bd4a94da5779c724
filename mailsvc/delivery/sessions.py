"""One host's turn in a round: a session, and the second forms that a first one can ask for.

A broken offer of TLS is followed once in clear where TLS was only opportunistic, and where that helped the offer is not
taken up for a while: a handshake that hangs costs each mail ten seconds. A host that then asks for TLS has led nowhere,
and its offer is taken up again. A quoted carrier address that is refused for its form is offered raw (nobody has shown
that docomo takes the quoted one); what was said of the form is no word on the recipient. Never goes to another host.
"""

import asyncio
from dataclasses import replace

from mailsvc.delivery.envelope import Envelope
from mailsvc.delivery.handed import Handed, Round
from mailsvc.delivery.pool import Pool
from mailsvc.delivery.recent import Recent
from mailsvc.delivery.session import Ended, Endpoint, Kind
from mailsvc.delivery.tls import TlsPolicy, asks_for_tls
from mailsvc.domain.address import parse
from mailsvc.domain.classify import FORM_REFUSED
from mailsvc.domain.reply import Stage

#: RFC 5321 4.2.3: syntax errors, and "mailbox name not allowed", which is said of the form too.
_FORM_REFUSED = frozenset({500, 501, 553})
_BAD_SYNTAX = "5.1.3"  # RFC 3463 3.2: bad destination mailbox address syntax
#: An address whose offer of TLS is broken is asked in clear for so long (seconds).
BROKEN_TLS = 600.0


class Sessions:
    """Runs sessions over pools, and remembers by address which offers of TLS are broken."""

    def __init__(self) -> None:
        self._broken_tls = Recent(BROKEN_TLS)

    async def offer(self, pool: Pool, endpoint: Endpoint, envelope: Envelope, turn: Round) -> list[Handed]:
        """Offer a mail to one host; return the end of each session, one at least."""
        endpoint, made = await self._under_best_terms(pool, endpoint, envelope, turn)
        raw = raw_form(envelope.forward_path)
        if raw is not None and _form_refused(made[-1].ended):
            made[-1] = replace(made[-1], verdict=FORM_REFUSED)
            made.append(await _session(pool, endpoint, replace(envelope, forward_path=raw), turn))
            if _only_form_refused(made[-1].ended):
                made[-1] = replace(made[-1], verdict=FORM_REFUSED)
        return made

    async def _under_best_terms(
        self, pool: Pool, endpoint: Endpoint, envelope: Envelope, turn: Round
    ) -> tuple[Endpoint, list[Handed]]:
        """Offer a mail under TLS or in clear, or both; return the endpoint used last with the sessions."""
        clear = replace(endpoint, tls=TlsPolicy.NONE)
        used = clear if endpoint.tls is TlsPolicy.OPPORTUNISTIC and endpoint.ip in self._broken_tls else endpoint
        made = [await _session(pool, used, envelope, turn)]
        if made[-1].ended.clear_next:
            used = clear
            made.append(await _session(pool, used, envelope, turn))
            if not made[-1].host_in_trouble:  # else it was not, or not only, the offer that was broken
                self._broken_tls.note(endpoint.ip)
        if used is not endpoint and _asks_for_tls(made[-1].ended):
            self._broken_tls.forget(endpoint.ip)
            made[-1] = replace(made[-1], ended=replace(made[-1].ended, kind=Kind.FAILED))
        return used, made


async def _session(pool: Pool, endpoint: Endpoint, envelope: Envelope, turn: Round) -> Handed:
    begun = asyncio.get_running_loop().time()
    deadlines = turn.deadlines(endpoint.timeouts, begun)
    ended = await pool.deliver(endpoint, envelope, gate=turn.gate, deadlines=deadlines)
    return Handed(ended=ended, begun=begun, host=endpoint.host, ip=endpoint.ip)


def _asks_for_tls(ended: Ended) -> bool:
    refused = ended.kind in (Kind.REFUSED, Kind.DEFERRED)
    return refused and ended.reply is not None and asks_for_tls(ended.reply)


def raw_form(forward_path: str) -> str | None:
    """Return the unquoted form of an address that is sent quoted, None for any other."""
    address = parse(forward_path)
    return None if address.conforming else f"{address.local}@{address.domain}"


def _form_refused(ended: Ended) -> bool:
    reply = ended.reply
    if reply is None or ended.kind is not Kind.REFUSED or ended.stage is not Stage.RCPT:
        return False
    return reply.code in _FORM_REFUSED or reply.enhanced == _BAD_SYNTAX


def _only_form_refused(ended: Ended) -> bool:
    """Whether a refusal of the raw form says no more than one of the quoted form: no status code names the mailbox."""
    return _form_refused(ended) and ended.reply is not None and ended.reply.enhanced in (None, _BAD_SYNTAX)
