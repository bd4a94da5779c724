"""Our own sending identity, as the receivers see it: DNS, DKIM keys, host names, certificate, policies (CONTRACT 1)."""

from mailsvc.checks.sender.examine import examine
from mailsvc.checks.sender.finding import Finding, Severity
from mailsvc.checks.sender.identity import Identity

__all__ = ["Finding", "Identity", "Severity", "examine"]
