"""Questions that strangers have us put to DNS, bounded so that one who makes them hang does not keep others waiting.

An answer that is known costs nothing and waits for nobody. Of the others so many may be out at one time, and few of
them to one registrable domain: whoever types a thousand names under a name server that never answers waits for himself.
A question that still waits for its turn when its asker gives up is never put; the resolver would follow it to its end.
"""

import asyncio
from weakref import WeakValueDictionary

from mailsvc.checks.endings import registrable
from mailsvc.dns import Resolver
from mailsvc.dns.answer import Records

#: Questions out at one time, of the process and to one registrable domain.
OUT_MAX = 200
OUT_EACH = 8


class Turns:
    """Asks a resolver in turn; give `ask` to `MailHosts`."""

    def __init__(self, resolver: Resolver, *, out: int = OUT_MAX, each: int = OUT_EACH) -> None:
        self._resolver = resolver
        self._all = asyncio.Semaphore(out)
        self._each = each
        self._sites: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def ask(self, name: str, type_: str) -> Records:
        """Return the records of a name; raise `NoSuchDomain` or `DnsTrouble`, as the resolver does."""
        if self._resolver.knows(name, type_):
            return await self._resolver.ask(name, type_)
        async with self._site(name), self._all:
            return await self._resolver.ask(name, type_)

    def _site(self, name: str) -> asyncio.Semaphore:
        """Return the turns of a name's registrable domain, which are kept while somebody has or awaits one."""
        return self._sites.setdefault(registrable(name), asyncio.Semaphore(self._each))
