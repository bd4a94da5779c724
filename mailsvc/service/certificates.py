"""When the certificates end that the listeners of this process serve.

They are read at the start, and so is this: a file that was renewed since does not help before a restart.
"""

from collections.abc import Callable

import structlog
from cryptography import x509

from mailsvc.settings import Settings

log = structlog.get_logger(__name__)


def observe_certificates(settings: Settings, observe: Callable[[str, float], None]) -> None:
    """Tell ``observe`` for each listener with TLS, ``http`` or ``receiver``, when its chain ends (Unix seconds).

    A form that OpenSSL serves and this cannot read is logged, and stops nobody.
    """
    for listener, files in (("http", settings.http_tls), ("receiver", settings.receiver_tls)):
        if files is None:
            continue
        try:
            chain = x509.load_pem_x509_certificates(files.certificate.read_bytes())
        except (OSError, ValueError) as error:
            log.warning("certificate.unread", listener=listener, error=type(error).__name__)
            continue
        observe(listener, min(certificate.not_valid_after_utc for certificate in chain).timestamp())
