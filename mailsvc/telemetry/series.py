"""The series of one process, and the bound on how many there can be.

No address, code or free text ever becomes a label. Sites have names that strangers choose: the first `DESTINATIONS`
of them have series of their own, later ones share one.
"""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

#: Distinct values of the label ``destination``: with three dozen series each they stay below 2,000.
DESTINATIONS = 30
#: What later ones are counted as.
OTHER = "other"

# A series more for each counter and histogram, and Prometheus has no use for it.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Series:
    """A registry, and what hands out its metrics."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._destinations: set[str] = set()

    def exposition(self) -> bytes:
        """Return all series in Prometheus' text format."""
        return generate_latest(self._registry)

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """Add a counter; its series end in ``_total``."""
        return Counter(name, text, labels, registry=self._registry)

    def histogram(self, name: str, text: str, *labels: str, buckets: Sequence[float]) -> Histogram:
        """Add a histogram."""
        return Histogram(name, text, labels, registry=self._registry, buckets=buckets)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        """Add a gauge."""
        return Gauge(name, text, labels, registry=self._registry)

    def destination(self, site: str | None) -> str:
        """Return the label for a site, or for mail that came to none."""
        name = site or "none"
        if name not in self._destinations:
            if len(self._destinations) >= DESTINATIONS:
                return OTHER
            self._destinations.add(name)
        return name
