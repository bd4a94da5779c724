"""The rooms that make mails: templates and signing, checked before the first mail leaves."""

from mailsvc.delivery.deliver import Finish
from mailsvc.domain.message import Message
from mailsvc.service.failure import StartError
from mailsvc.settings import Mode, Settings
from mailsvc.signing.key import DkimKeyError
from mailsvc.signing.keys import KeyRing
from mailsvc.signing.signer import Signer
from mailsvc.signing.verify import self_test
from mailsvc.templates import Brand, BrandError, Catalogue, Composer, TemplateError, check_bytes


def mail_room(settings: Settings, now: float) -> tuple[Composer, Finish]:
    """Return the composer, and what composes, signs and checks a mail; both have passed their self-test."""
    composer = make_composer(settings, now)
    sender = settings.sender.wire
    try:
        signer = _signer(settings, now)
        sample = composer.sample("login_code", "ja", now)
        self_test(signer, sample.headers, sample.body, now=now)
    except DkimKeyError as error:
        raise StartError(str(error)) from None

    def finish(message: Message) -> bytes:
        mail = composer.compose(message)
        signature = signer.sign(mail.headers, mail.body, at=message.accepted_at, expires=message.expires_at)
        raw = signature + mail.raw
        check_bytes(raw, message, sender)
        return raw

    return composer, finish


def make_composer(settings: Settings, now: float) -> Composer:
    """Return the composer of the configured brand, its templates checked."""
    try:
        brand = Brand(
            name=settings.brand_name,
            registration=settings.brand_registration,
            associations=settings.brand_associations,
            contact=settings.brand_contact,
        )
        catalogue = Catalogue.load([settings.templates] if settings.templates else [])
        composer = Composer(catalogue, brand, settings.sender.wire, settings.sender_name)
        composer.self_check(now)
    except BrandError as error:
        field, _, problem = str(error).partition(" ")
        variable = field if field.startswith("sender") else f"brand_{field}"
        raise StartError(f"MAILSVC_{variable.upper()}: found a value that {problem}") from None
    except TemplateError as error:
        raise StartError(str(error)) from None
    return composer


def _signer(settings: Settings, now: float) -> Signer:
    ring = KeyRing(settings.dkim_dir, settings.sender_domain)
    if not ring.active() and settings.mode is Mode.DEVELOPMENT:
        ring.activate(ring.new("rsa-sha256", now).selector, published=None)
    return Signer(ring.active(), settings.sender_domain)
