"""What the closed loop tells operators: the log, the metrics, ``/readyz``."""

from collections.abc import Set as AbstractSet
from typing import cast

import pytest
from structlog.testing import capture_logs

from mailsvc.clock import Clock
from mailsvc.feedback.closed_loop import ClosedLoop
from mailsvc.store import Store
from mailsvc.telemetry.metrics import Metrics
from tests.support.domain import NOW
from tests.support.uses import known, logins

SITE, OTHER = "docomo.ne.jp", "google.com"
MISSING = "since 2026-11-23T01:15:42.500Z no site's codes are reported as used as they were"


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> float:
        """Return the instant."""
        return self.at


@pytest.mark.parametrize(
    ("others", "lines", "expected", "problem"),
    [
        ([False] * 10, ["used.none_reported", "used.reported_again"], (frozenset(), NOW), MISSING),
        ([True] * 10, ["destination.discarding", "destination.discarding_ended"], ({SITE}, None), None),
    ],
)
async def test_operators_are_told_at_the_beginning_and_at_the_end(
    store: Store,
    others: list[bool],
    lines: list[str],
    expected: tuple[AbstractSet[str], float | None],
    problem: str | None,
) -> None:
    """One line when it begins and one when it ends; the gauges and the part of ``/readyz`` meanwhile."""
    seen: list[tuple[AbstractSet[str], float | None]] = []
    problems: set[str | None] = set()
    time = Time()
    loop = ClosedLoop(store=store, clock=cast("Clock", time), observe=lambda *now: seen.append(now))
    await known(store, SITE, OTHER, at=NOW)
    with capture_logs() as log:
        for minute in range(25):
            time.at = NOW + minute * 60 - 30
            await loop.step()
            lost = minute < 7
            await logins(store, NOW + minute * 60, SITE, [False] * 10 if lost else [True] * 10)
            await logins(store, NOW + minute * 60, OTHER, others if lost else [True] * 10)
            problems.add(loop.problem)
    assert [line["event"] for line in log] == lines
    assert [line["log_level"] for line in log] == ["error", "info"]
    assert expected in seen
    assert seen[-1] == (frozenset(), None)
    assert problems == {None, problem}
    assert loop.problem is None


def test_gauges_say_which_sites_discard_and_that_reports_are_missing() -> None:
    """A site that recovers is gone from the gauge."""
    metrics = Metrics()
    metrics.observe_uses({SITE}, None)
    metrics.observe_uses({OTHER}, NOW)
    lines = [
        line for line in metrics.exposition().decode().splitlines() if "silent_discard" in line or "used_rep" in line
    ]
    assert [line for line in lines if not line.startswith("#")] == [
        'mailsvc_silent_discard{destination="google.com"} 1.0',
        "mailsvc_used_reports_missing 1.0",
    ]
