"""What public DNS shows of the signing keys.

A record that is absent or different is an answer. A resolver in trouble is none: it keeps a key from being activated,
but not a service from starting, since codes do not wait for a resolver.
"""

from collections.abc import Sequence

import structlog
from dns.exception import DNSException
from dns.nameserver import Do53Nameserver
from dns.resolver import NXDOMAIN, NoAnswer, Resolver

from mailsvc.service.failure import StartError
from mailsvc.settings import Endpoint
from mailsvc.signing.key import DkimKeyError, SigningKey

#: Longest wait for an answer of DNS (seconds).
DNS_WAIT = 5.0

log = structlog.get_logger(__name__)


class DnsSilentError(DkimKeyError):
    """DNS gave no answer about a record."""


def look_up(servers: Sequence[Endpoint], name: str) -> list[str]:
    """Return the TXT records at ``name``, asking ``servers`` or else the system's resolver.

    Raise `DnsSilentError` when DNS gives no answer in ``DNS_WAIT`` seconds; "no such record" is an answer.
    """
    try:
        resolver = Resolver(configure=not servers)
        if servers:
            resolver.nameservers = [Do53Nameserver(server.host, server.port) for server in servers]
        answer = resolver.resolve(f"{name}.", "TXT", lifetime=DNS_WAIT, search=False)
    except (NXDOMAIN, NoAnswer):
        return []
    except DNSException as error:
        raise DnsSilentError(f"DNS gave no answer about {name}: {error}") from error
    return [b"".join(record.strings).decode(errors="replace") for record in answer]


def check_published(keys: Sequence[SigningKey], servers: Sequence[Endpoint]) -> None:
    """Raise `StartError` where DNS shows another key than one that signs.

    An absent record is an error in the log: to most receivers its mail is unsigned, and no code at all would be worse.
    Where DNS does not answer the log warns.
    """
    for info in (key.info for key in keys):
        try:
            records = look_up(servers, info.name)
        except DnsSilentError as error:
            log.warning("dkim.unchecked", reason=str(error))
            return
        fault = info.fault(records)
        if fault and not records:
            log.error("dkim.unpublished", selector=info.selector, reason=fault)
        elif fault:
            raise StartError(
                f"MAILSVC_DKIM_DIR: found that {info.selector} signs and {fault}, "
                "expected the record that `mailsvc dkim list` shows"
            )
