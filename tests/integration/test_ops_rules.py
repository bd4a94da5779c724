"""The alarms and the dashboard in ``ops``: they ask for what there is, and fire when they are to."""

import itertools
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mailsvc.domain.event import EventType
from mailsvc.domain.outcome import Category, Permanence
from mailsvc.telemetry.metrics import Metrics
from tests.support import prometheus
from tests.support.domain import NOW, attempt
from tests.support.events import event
from tests.support.service import CHECKOUT

FOLDER = CHECKOUT / "ops/prometheus"
RULES = sorted(FOLDER.glob("*.rules.yml"))
DASHBOARD = CHECKOUT / "ops/grafana/mailsvc.json"
REFERENCE = CHECKOUT / "docs/reference/metrics.md"
needs_promtool = pytest.mark.skipif(prometheus.ABSENT is not None, reason=prometheus.ABSENT or "")


def test_rules_ask_for_metrics_that_exist() -> None:
    """Every metric in an alarm has this name and these labels in the service."""
    _check_asked([rule["expr"] for rule in _rules()])


def test_dashboard_asks_for_metrics_that_exist_and_leaves_none_out() -> None:
    """Every metric on the dashboard is one of the service, every recorded one is recorded, and all are to be seen."""
    shown = [target["expr"] for panel in _panels() for target in panel.get("targets", ())]
    _check_asked(shown)
    recorded = {rule["record"] for rule in _rules() if "record" in rule}
    assert {name for expression in shown for name in re.findall(r"mailsvc:[\w:]+", expression)} <= recorded
    missing = {re.sub(r"_(bucket|sum|count)$", "_bucket", name) for name in prometheus.series()}
    assert missing - {name for name, _ in prometheus.asked(shown)} == set()


def test_panels_do_not_lie_on_each_other() -> None:
    """Each panel has an id and a place of its own in the 24 columns of the dashboard."""
    panels = _panels()
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in itertools.combinations((panel["gridPos"] for panel in panels), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"], (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_every_alarm_says_what_is_wrong_and_has_a_case() -> None:
    """An alarm wakes somebody or is a ticket, says what it is about, and its tests see it fire."""
    cases = "".join(path.read_text() for path in FOLDER.glob("*.test.yml"))
    for rule in _rules():
        if alert := rule.get("alert"):
            assert rule["labels"]["severity"] in {"page", "ticket"}, alert
            assert set(rule["annotations"]) == {"summary", "description"}, alert
            assert f'alertname="{alert}"' in cases, f"{alert} has no case"


def test_every_metric_and_alarm_is_described() -> None:
    """The reference names each metric, with its labels, and each alarm; and nothing that does not exist."""
    page = REFERENCE.read_text()
    rows = dict(re.findall(r"^\| `(mailsvc_\w+)(?:\{([\w, ]+)\})?` \|", page, re.MULTILINE))
    described = {name: set(filter(None, labels.split(", "))) for name, labels in rows.items()}
    there = {re.sub(r"_(bucket|sum|count)$", "", name): labels for name, labels in prometheus.series().items()}
    assert described == there
    alarms = set(re.findall(r"^\| `(Mailsvc\w+)` \|", page, re.MULTILINE))
    assert alarms == {rule["alert"] for rule in _rules() if "alert" in rule}


@needs_promtool
@pytest.mark.parametrize("cases", sorted(FOLDER.glob("*.test.yml")), ids=lambda path: path.name)
def test_alarms_fire_when_they_are_to_and_only_then(cases: Path) -> None:
    """Prometheus' own tool plays the cases of the alarms."""
    _promtool("test", "rules", cases.name)


@needs_promtool
def test_configuration_is_one_for_prometheus() -> None:
    """The example configuration and the rules it names are in order."""
    _promtool("check", "config", "prometheus.yml")


@needs_promtool
def test_exposition_is_good_prometheus() -> None:
    """What the service exposes has help, units and names as Prometheus wants them."""
    metrics = Metrics()
    tries = [attempt(category=category, destination="docomo.ne.jp", seconds=(("queue", 0.1),)) for category in Category]
    metrics.observe([event(EventType.MESSAGE_ACCEPTED)])
    metrics.observe([event(EventType.MESSAGE_SENT, *tries, attempt(Permanence.DELIVERED), at=NOW + 1)])
    metrics.observe_certificate("http", NOW)
    _promtool("check", "metrics", given=metrics.exposition().decode())


def _check_asked(expressions: list[str]) -> None:
    there = prometheus.series()
    for name, labels in prometheus.asked(expressions):
        assert name in there, f"{name} does not exist"
        assert labels - prometheus.GIVEN <= there[name], f"{name} has no label {labels - there[name]}"


def _rules() -> Iterator[dict[str, Any]]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def _panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return panels


def _promtool(*command: str, given: str | None = None) -> None:
    done = subprocess.run(
        ["promtool", *command], cwd=FOLDER, input=given, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
