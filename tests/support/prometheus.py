"""Which metrics and labels there are, and which ones rules and dashboards ask for."""

import re
import shutil
from collections.abc import Iterable, Iterator

from prometheus_client.metrics import MetricWrapperBase

from mailsvc.telemetry.metrics import Metrics

#: Why there is no promtool here; None where there is one.
ABSENT = None if shutil.which("promtool") else "promtool is not installed (Debian package prometheus)"

#: A metric with its matchers; recording rules have a colon in their names.
_ASKED = re.compile(r"\b(?P<name>mailsvc_\w+)\b(?!:)(?:\{(?P<matchers>[^}]*)\})?")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_BY = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")
#: Labels that Prometheus adds, and those of histograms and alarms.
GIVEN = {"instance", "job", "le", "alertname", "severity", "window"}


def series() -> dict[str, set[str]]:
    """Return every name of a series that `Metrics` can expose, with its labels."""
    found = {}
    for metric in _metrics():
        labels = set(metric._labelnames)
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(metric._type, ("",))
        found |= {metric._name + ending: labels for ending in endings}
    return found


def asked(expressions: Iterable[str]) -> Iterator[tuple[str, set[str]]]:
    """Yield each metric that PromQL asks for, with the labels that it is matched and grouped by."""
    for expression in expressions:
        grouped = {label.strip() for group in _BY.findall(expression) for label in group.split(",")}
        for match in _ASKED.finditer(expression):
            yield match["name"], set(_MATCHER.findall(match["matchers"] or "")) | grouped


def _metrics() -> Iterator[MetricWrapperBase]:
    for metric in set(Metrics()._series._registry._names_to_collectors.values()):
        assert isinstance(metric, MetricWrapperBase)
        yield metric
