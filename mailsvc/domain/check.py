"""The answer to "can this address receive?" at registration: reasons, their severities, and the verdict of them.

Pure values (CONTRACT 3.4). Reasons are found in ``checks``; a verdict is never more than the worst of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a reason weighs, the lightest first."""

    INFO = "info"
    UNKNOWN = "unknown"
    WARN = "warn"
    REJECT = "reject"


class Verdict(StrEnum):
    """What the registration form does: accept, accept and check again, ask the customer once, refuse."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARN = "warn"
    REJECT = "reject"


class ReasonCode(StrEnum):
    """Why an address is not plainly good."""

    SYNTAX = "syntax"
    NORMALIZED = "normalized"  #: an artefact of typing was repaired
    NONCONFORMING_LOCAL = "nonconforming_local"  #: dots as docomo and au once issued them
    SMTPUTF8_LOCAL = "smtputf8_local"
    TYPO_DOMAIN = "typo_domain"
    TRAP_DOMAIN = "trap_domain"  #: takes strangers' mail
    DISCONTINUED_DOMAIN = "discontinued_domain"
    ENDING_DOMAIN = "ending_domain"
    DISPOSABLE_DOMAIN = "disposable_domain"
    ROLE_ACCOUNT = "role_account"
    NO_SUCH_DOMAIN = "no_such_domain"
    NULL_MX = "null_mx"
    NO_MAIL_HOST = "no_mail_host"
    MAIL_HOST_NOT_PUBLIC = "mail_host_not_public"
    DNS_TEMPORARY = "dns_temporary"
    KNOWN_UNDELIVERABLE = "known_undeliverable"
    KNOWN_FULL = "known_full"


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that was found."""

    code: ReasonCode
    severity: Severity


@dataclass(frozen=True, slots=True)
class MailHost:
    """A mail exchanger that the domain names, or the domain itself where it names none (RFC 5321 5.1)."""

    preference: int
    host: str  #: ASCII, lower case, without the final dot


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainFinding:
    """What DNS and our lists say of a domain."""

    ascii: str  #: lower case
    mx: tuple[MailHost, ...] = ()
    null_mx: bool = False  #: RFC 7505
    reasons: tuple[Reason, ...] = ()


_LIGHTEST_FIRST = tuple(Severity)
_VERDICTS = {
    Severity.INFO: Verdict.OK,
    Severity.UNKNOWN: Verdict.UNKNOWN,
    Severity.WARN: Verdict.WARN,
    Severity.REJECT: Verdict.REJECT,
}


def verdict_of(reasons: Iterable[Reason]) -> Verdict:
    """Return what follows from the worst reason; `Verdict.OK` where there is none."""
    severities = [reason.severity for reason in reasons]
    return _VERDICTS[max(severities, key=_LIGHTEST_FIRST.index, default=Severity.INFO)]
