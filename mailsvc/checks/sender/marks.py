"""The marks that Japanese mailbox providers show beside mail of known companies: ``marks.<provider>``.

Decides whether what they ask of DNS is there; the marks themselves are applied for. Follows from the other findings.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mailsvc.checks.sender.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class _Mark:
    check: str
    name: str
    sound: tuple[str, ...]  #: checks, or their beginnings, without error or warning
    present: tuple[str, ...]  #: checks that have to be ok
    next: str  #: what is left to do


_DKIM, _DMARC = "dkim.", "dmarc.record"
_MARKS = (
    _Mark("marks.docomo", "docomo 公式アカウント", (_DKIM,), (_DMARC,), "apply to docomo for each sender domain"),
    _Mark("marks.au", "au brand icon (BIMI)", (_DKIM,), (_DMARC, "bimi.record"), "au shows it by itself"),
    _Mark(
        "marks.yahoo", "Yahoo! JAPAN ブランドアイコン", (_DKIM,), (), "apply to LY Corporation, about two months ahead"
    ),
)


def examine(findings: Sequence[Finding]) -> list[Finding]:
    """Return which marks the other findings allow."""
    return [_finding(mark, findings) for mark in _MARKS]


def _finding(mark: _Mark, findings: Sequence[Finding]) -> Finding:
    asked = [finding for finding in findings if finding.check.startswith((*mark.sound, *mark.present))]
    unmet = [finding.check for finding in asked if _is_unmet(mark, finding)]
    open_ = [finding.check for finding in asked if finding.severity is Severity.UNKNOWN]
    if unmet:
        return Finding(mark.check, Severity.INFO, f"{mark.name}: not before {_named(unmet)} is mended")
    if open_:
        return Finding(mark.check, Severity.UNKNOWN, f"{mark.name}: {_named(open_)} could not be looked at")
    return Finding(mark.check, Severity.OK, f"{mark.name}: DNS is ready; {mark.next}")


def _is_unmet(mark: _Mark, finding: Finding) -> bool:
    if finding.check in mark.present and finding.severity is Severity.INFO:
        return True
    return finding.severity in (Severity.ERROR, Severity.WARNING)


def _named(checks: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(checks))
