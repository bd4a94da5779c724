"""What our lists say of an address: typos and traps, services that ended or will, throw-away mail, role accounts.

Pure: whether the domain has a mail host is not known here; `without_mail_host` says what becomes of the reasons where
it has none. The list of throw-away mail is the package ``disposable-email-domains``.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib.resources import files

from disposable_email_domains import blocklist as _throw_away

from mailsvc.checks import typos
from mailsvc.checks.mending import suggestion
from mailsvc.domain.address import Address
from mailsvc.domain.check import Reason, ReasonCode, Severity

_DATA = files("mailsvc.checks") / "data"


@dataclass(frozen=True, slots=True)
class Listed:
    """What the lists say of an address."""

    reasons: tuple[Reason, ...]  #: worst first
    suggestions: tuple[str, ...]  #: addresses that may have been meant, likeliest first


def of_domain(address: Address, *, today: date) -> Listed:
    """Return what the lists say of an address; ``today`` is the day in Japan."""
    domain = address.domain.lower()
    typo = typos.load().of(domain)
    meant = [suggestion(address.local, intended) for intended in typo.intended] if typo else []
    return Listed(
        reasons=tuple(_reasons(address.local, domain, typo, today)),
        suggestions=tuple(filter(None, meant)),
    )


def without_mail_host(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Return the reasons for a domain without a mail host: nobody is asked whether a service that ended goes on."""
    return tuple(
        replace(reason, severity=Severity.REJECT) if reason.code is ReasonCode.DISCONTINUED_DOMAIN else reason
        for reason in reasons
    )


def last_day(domain: str) -> date | None:
    """Return the last day, in Japan, of the mail service of a domain in lower case; None where no end is known."""
    ends = _ends()
    families = (f"*.{parent}" for parent in _parents(domain))
    return next((ends[name] for name in (domain, *families) if name in ends), None)


def _reasons(local: str, domain: str, typo: typos.Typo | None, today: date) -> Iterator[Reason]:
    if typo and typo.trap:
        yield Reason(ReasonCode.TRAP_DOMAIN, Severity.REJECT)
    elif typo:
        yield Reason(ReasonCode.TYPO_DOMAIN, Severity.WARN)
    elif not _throw_away.isdisjoint((domain, *_parents(domain))):  # some typos are on that list as well
        yield Reason(ReasonCode.DISPOSABLE_DOMAIN, Severity.WARN)
    if day := last_day(domain):
        code = ReasonCode.ENDING_DOMAIN if today <= day else ReasonCode.DISCONTINUED_DOMAIN
        yield Reason(code, Severity.WARN)
    if local.lower().partition("+")[0] in _role_accounts():
        yield Reason(ReasonCode.ROLE_ACCOUNT, Severity.INFO)


def _parents(domain: str) -> list[str]:
    """``a.b.example.jp``: ``b.example.jp``, ``example.jp``, ``jp``."""
    labels = domain.split(".")
    return [".".join(labels[number:]) for number in range(1, len(labels))]


@cache
def _ends() -> dict[str, date]:
    rows = csv.DictReader((_DATA / "service-ends.csv").read_text("utf-8").splitlines())
    return {row["domain"]: date.fromisoformat(row["last_day"]) for row in rows}


@cache
def _role_accounts() -> frozenset[str]:
    lines = (_DATA / "role-accounts.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))
