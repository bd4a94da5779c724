"""The rooms that make mails: templates and signing, checked before the first mail leaves."""

import random

import structlog

from mailsvc.domain.message import Message
from mailsvc.service.failure import StartError
from mailsvc.service.published import check_published
from mailsvc.settings import Mode, Settings
from mailsvc.signing.key import DkimKeyError
from mailsvc.signing.keys import KeyRing
from mailsvc.signing.signer import Signer
from mailsvc.signing.verify import self_test, verify
from mailsvc.templates import Brand, BrandError, Catalogue, Composer, TemplateError, check_bytes
from mailsvc.templates.brand import LINE_MAX, NAME_MAX

#: The share of live mails that the independent verifier looks at (DESIGN 4); one that fails is logged as an error.
VERIFIED_SHARE = 0.01

_WORDS = "ASCII and JIS X 0208, without URL, @ or six digits in a row"
#: What a brand value has to be, by the field that an error names.
_EXPECTED = {
    "sender": "an address that can stand in a From header",
    **dict.fromkeys(("sender_name", "name"), f"1 to {NAME_MAX} characters of {_WORDS}"),
    **dict.fromkeys(("registration", "associations", "contact"), f"1 to {LINE_MAX} characters of {_WORDS}"),
}

log = structlog.get_logger(__name__)


class Finisher:
    """Makes finished mails: composed, signed, their bytes checked; called in threads."""

    def __init__(self, composer: Composer, signer: Signer, sender: str) -> None:
        self._composer = composer
        self._signer = signer
        self._sender = sender
        self._records = {key.info.name: key.info.value for key in signer.keys}

    def __call__(self, message: Message) -> bytes:
        """Return the mail of a message; raise `MailRefused` where it breaks a rule."""
        mail = self._composer.compose(message)
        signature = self._signer.sign(mail.headers, mail.body, at=message.accepted_at, expires=message.expires_at)
        raw = signature + mail.raw
        check_bytes(raw, message, self._sender)
        if random.random() < VERIFIED_SHARE and not verify(raw, self._records.get):  # noqa: S311  a sample
            log.error("dkim.mismatch", message=message.id)
        return raw


def mail_room(settings: Settings, now: float) -> tuple[Composer, Finisher]:
    """Return the composer, and what composes, signs and checks a mail; both have passed their self-test."""
    composer = make_composer(settings, now)
    try:
        signer = _signer(settings, now)
        sample = composer.sample("login_code", "ja", now)
        self_test(signer, sample.headers, sample.body, now=now)
    except DkimKeyError as error:
        raise StartError(str(error)) from None
    return composer, Finisher(composer, signer, settings.sender.wire)


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
        raise StartError(
            f"MAILSVC_{variable.upper()}: found a value that {problem}, expected {_EXPECTED[field]}"
        ) from None
    except TemplateError as error:
        raise StartError(str(error)) from None
    return composer


def _signer(settings: Settings, now: float) -> Signer:
    ring = KeyRing(settings.dkim_dir, settings.sender_domain)
    if not ring.active() and settings.mode is Mode.DEVELOPMENT:
        ring.activate(ring.new("rsa-sha256", now).selector, published=None)
    signer = Signer(ring.active(), settings.sender_domain)
    if settings.mode is Mode.PRODUCTION:
        check_published(signer.keys, settings.dns or ())
    return signer
