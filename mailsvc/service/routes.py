"""The ways out that the settings name."""

from collections.abc import Sequence

from mailsvc.clock import Clock
from mailsvc.delivery.destinations import Destinations, Profile, ProfileError, load_profiles
from mailsvc.delivery.domains import StoredDomains
from mailsvc.delivery.mx import ROOM, SESSIONS, MxRoute
from mailsvc.delivery.relay import RelayRoute
from mailsvc.delivery.routes import CaptureRoute, Route
from mailsvc.delivery.smtp_client import Credentials
from mailsvc.delivery.tls import TlsPolicy
from mailsvc.dns import MailHosts, Resolver
from mailsvc.domain.classify import Classifier
from mailsvc.domain.secret import Secret
from mailsvc.service.failure import StartError
from mailsvc.service.files import file_limit
from mailsvc.settings import Route as RouteSetting
from mailsvc.settings import RouteKind, RouteTls, Settings
from mailsvc.store import Store

_TLS = {
    RouteTls.NONE: TlsPolicy.NONE,
    RouteTls.STARTTLS: TlsPolicy.REQUIRED,
    RouteTls.IMPLICIT: TlsPolicy.IMPLICIT,
}

#: Of the files that may be open a quarter is for sessions, a quarter for the connections that they leave idle, and an
#: eighth each for sessions that take long and for questions to DNS; a quarter stays for everything else.
_FILES_PER_SESSION = 4
_FILES_PER_LONG = 8
_FILES_PER_QUESTION = 8
#: Questions to DNS at one time: those about silent domains take 5 s each, with 200 mails a second to them.
_QUESTIONS = 1000


def read_profiles(settings: Settings) -> list[Profile]:
    """Return the profiles of destinations; raise `StartError` where the company's own cannot be used."""
    try:
        return load_profiles(settings.profiles)
    except ProfileError as error:
        raise StartError(
            f"MAILSVC_PROFILES: found a file that cannot be used ({error}), expected tables [default] and [[profile]]"
        ) from None


def make_route(
    route: RouteSetting,
    settings: Settings,
    *,
    profiles: Sequence[Profile],
    store: Store,
    clock: Clock,
    classifier: Classifier,
) -> Route:
    """Return the way out that a setting names."""
    if route.kind is RouteKind.CAPTURE:
        return CaptureRoute(settings.data_dir / "capture")
    if route.kind is RouteKind.MX:
        return _mx_route(settings, profiles, store, clock, classifier)
    credentials = Credentials(Secret(route.user), route.password) if route.user and route.password else None
    return RelayRoute(
        route.host,
        route.port,
        helo=settings.helo,
        tls=_TLS[route.tls],
        classifier=classifier,
        credentials=credentials,
        sources=settings.source_addresses,
    )


def _mx_route(
    settings: Settings, profiles: Sequence[Profile], store: Store, clock: Clock, classifier: Classifier
) -> MxRoute:
    files = file_limit()
    return MxRoute(
        hosts=MailHosts(Resolver(settings.dns or (), questions=min(_QUESTIONS, files // _FILES_PER_QUESTION)).ask),
        destinations=Destinations(profiles),
        known=StoredDomains(store, clock),
        classifier=classifier,
        helo=settings.helo,
        port=settings.mx_port,
        allow_private=settings.allow_private_mx,
        sources=settings.source_addresses,
        sessions=min(SESSIONS, files // _FILES_PER_SESSION),
        room=min(ROOM, files // _FILES_PER_LONG),
    )
