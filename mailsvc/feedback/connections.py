"""Who may connect to the receiver: caps on connections, in all and per address, and on how fast one address comes.

Pure but for the clock that is passed in. Connections of this machine are not counted by rate: they are the operator's
own relay or pipe.
"""

import ipaddress
from collections import Counter, OrderedDict

#: Connections open at a time, in all and from one address.
IN_ALL = 200
PER_ADDRESS = 50
#: New connections that one address may make: at once, and per second after that.
BURST = 120.0
PER_SECOND = 5.0
#: Addresses whose rate is remembered; of more, the one that was silent for longest is forgotten.
REMEMBERED = 10_000


class Connections:
    """Counts them."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._rates: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when that was

    @property
    def full(self) -> bool:
        """Whether as many are open as may be."""
        return self._open.total() >= IN_ALL

    def admit(self, address: str, now: float) -> bool:
        """Whether one more may come from an address; it counts until `leave`."""
        site = _site(address)
        if self._open[site] >= PER_ADDRESS or not self._within_rate(address, site, now):
            return False
        self._open[site] += 1
        return True

    def leave(self, address: str) -> None:
        """Note that an admitted connection is closed."""
        site = _site(address)
        self._open[site] -= 1
        if not self._open[site]:
            del self._open[site]

    def _within_rate(self, address: str, site: str, now: float) -> bool:
        if ipaddress.ip_address(address).is_loopback:
            return True
        left, at = self._rates.pop(site, (BURST, now))
        left = min(BURST, left + (now - at) * PER_SECOND)
        if len(self._rates) >= REMEMBERED:
            self._rates.popitem(last=False)
        self._rates[site] = (left - 1 if left >= 1 else left, now)
        return left >= 1


def _site(address: str) -> str:
    """Return what counts as one address: of IPv6 the network that one customer gets."""
    ip = ipaddress.ip_address(address)
    return address if ip.version == 4 else str(ipaddress.ip_network(f"{address}/64", strict=False))  # noqa: PLR2004
