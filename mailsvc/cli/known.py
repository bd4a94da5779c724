"""What the configured store knows of addresses and domains, read beside a service that may be running.

Nothing where there is no store; none is made.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from mailsvc.delivery.domains import BELIEVED
from mailsvc.domain.address import Address
from mailsvc.domain.address_state import Standing
from mailsvc.settings import Settings
from mailsvc.store import Connection, address_book, domains
from mailsvc.store.store import reading


class Known:
    """Answers for a command."""

    def __init__(self, store: Connection | None) -> None:
        self._store = store

    async def standing(self, address: Address) -> Standing | None:
        """Return the state of an address, None where it was never mailed."""
        return address_book.standing(self._store, address, time.time()) if self._store else None

    async def took_mail(self, domain: str) -> bool:
        """Whether a domain took a mail within the last 30 days."""
        if self._store is None:
            return False
        return domains.took_mail(self._store, domain, time.time() - BELIEVED)


@contextmanager
def known_to(settings: Settings) -> Iterator[Known]:
    """Open the store of the settings for reading."""
    with reading(settings.database_url) as store:
        yield Known(store)
