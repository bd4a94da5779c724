"""Domains that took mail lately, remembered in the store: one that DNS denies all at once has broken DNS, not gone."""

from collections import OrderedDict

from mailsvc.clock import Clock
from mailsvc.store import Store, StoreUnavailable, domains

#: For so long a domain that took mail is believed in (seconds).
BELIEVED = 30 * 86400.0
#: So often at most a domain is written down (seconds).
NOTED = 86400.0
_SIZE = 100_000


class StoredDomains:
    """Notes each domain once a day."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._noted: OrderedDict[str, float] = OrderedDict()

    async def took_mail(self, domain: str) -> bool:
        """Whether the domain took a mail within the last 30 days."""
        since = self._clock.now() - BELIEVED
        return await self._store.read(lambda connection: domains.took_mail(connection, domain, since))

    async def note(self, domain: str) -> None:
        """Note that the domain took a mail now."""
        now = self._clock.now()
        if self._noted.get(domain, 0.0) > now - NOTED:
            return
        try:
            await self._store.write(lambda tx: domains.note(tx, domain, now))
        except StoreUnavailable:
            return  # the next mail to it is noted instead
        self._noted[domain] = now
        while len(self._noted) > _SIZE:
            self._noted.popitem(last=False)
