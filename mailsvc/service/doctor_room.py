"""The examination of our own sending identity: for ``mailsvc doctor``, and every hour while the service runs.

Never stops or delays a start: what is found is logged and counted, and codes go on.
"""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass

import structlog

from mailsvc.checks.sender import Finding, Identity, Severity, examine
from mailsvc.clock import Clock
from mailsvc.console.services import Examination
from mailsvc.dns import Resolver
from mailsvc.service.failure import StartError
from mailsvc.settings import Mode, RouteKind, Settings
from mailsvc.signing.key import DkimKeyError, KeyInfo
from mailsvc.signing.keys import KeyRing
from mailsvc.telemetry.metrics import Metrics

#: Seconds from one examination to the next.
EVERY = 3600.0

_LOGGED = (Severity.ERROR, Severity.WARNING, Severity.UNKNOWN)

log = structlog.get_logger(__name__)


async def diagnose(settings: Settings, now: float) -> list[Finding]:
    """Return what is found, the worst first; raise `StartError` where the certificate's file cannot be read."""
    identity = await asyncio.to_thread(_identity, settings)
    return await examine(identity, Resolver(settings.dns or ()).ask, now=now)


@dataclass(slots=True)
class Doctor:
    """Examines while the service runs."""

    last: Examination | None = None  #: None: there was none yet


def start_doctor(stack: AsyncExitStack, settings: Settings, *, clock: Clock, metrics: Metrics) -> Doctor:
    """Begin to examine, in production: a development service has no identity to speak of."""
    doctor = Doctor()
    if settings.mode is Mode.PRODUCTION:
        stack.callback(asyncio.create_task(_run(doctor, settings, clock, metrics)).cancel)
    return doctor


async def _run(doctor: Doctor, settings: Settings, clock: Clock, metrics: Metrics) -> None:
    known: set[Finding] = set()
    while True:
        try:
            found = await diagnose(settings, clock.now())
        except Exception:  # the next hour is tried again, and the metric tells
            log.exception("doctor.failed")
            found = [Finding("doctor", Severity.UNKNOWN, "the examination itself failed")]
        doctor.last = Examination(clock.now(), found)
        metrics.observe_doctor(Counter((finding.check, finding.severity.value) for finding in found))
        _log([finding for finding in found if finding not in known])
        known = set(found)
        await asyncio.sleep(EVERY)


def _log(found: list[Finding]) -> None:
    """Log what was not found the last time."""
    for finding in found:
        if finding.severity in _LOGGED:
            say = log.error if finding.severity is Severity.ERROR else log.warning
            say(f"doctor.{finding.severity}", check=finding.check, evidence=finding.evidence, publish=finding.publish)


def _identity(settings: Settings) -> Identity:
    keys, fault = _keys(settings)
    routes = [route for route in (settings.route, settings.fallback_route) if route]
    relays = [f"{route.host}:{route.port}" for route in routes if route.kind is RouteKind.SMTP]
    return Identity(
        sender_domain=settings.sender_domain,
        bounce_domain=settings.bounce_domain,
        helo=settings.helo.lower(),
        sources=settings.source_addresses,
        relay=" and ".join(relays) if len(relays) == len(routes) else None,
        keys=keys,
        key_fault=fault,
        receives=settings.receiver is not None,
        certificate=_certificate(settings),
        private_allowed=settings.allow_private_mx,
    )


def _keys(settings: Settings) -> tuple[tuple[KeyInfo, ...], str | None]:
    try:
        return KeyRing(settings.dkim_dir, settings.sender_domain).list(), None
    except DkimKeyError as error:
        return (), str(error)


def _certificate(settings: Settings) -> bytes | None:
    if settings.receiver_tls is None:
        return None
    try:
        return settings.receiver_tls.certificate.read_bytes()
    except OSError as error:
        raise StartError(f"MAILSVC_RECEIVER_TLS: found a file that cannot be read: {error.strerror}") from None
