"""What the console works with; the composition root fills it in."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from mailsvc.checks.sender import Finding
from mailsvc.clock import Clock
from mailsvc.delivery.destinations import InForce
from mailsvc.store import Store
from mailsvc.webhooks.hub import Webhooks


@dataclass(frozen=True, slots=True)
class Examination:
    """One look at our own sending identity."""

    at: float
    findings: Sequence[Finding]  #: the worst first


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The rooms below the console."""

    store: Store
    clock: Clock
    webhooks: Webhooks
    settings: Sequence[tuple[str, str]]  #: every variable with its value as it may be shown
    secure: bool  #: pages travel under TLS, here or at a proxy
    examination: Callable[[], Examination | None]  #: the last one; None: there was none yet
    failing: Callable[[], Mapping[str, str]]  #: what cannot work now, and why
    late: Callable[[], Mapping[str, str]]  #: what lags behind though codes go out, and by how much
    in_force: Callable[[str], InForce | None]  #: how a destination is treated now, where that is known
    read_reports: Callable[[], None]  #: has the reports that wait read now
    changed: Callable[[float], Awaitable[bool]]  #: sleeps so many seconds, or until the event log grows
    stopping: Callable[[], bool]  #: the process is about to end
