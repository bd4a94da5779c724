"""What holds for every test: no network beyond loopback, no settings of the developer, skips that are named.

``MAILSVC_REQUIRE_OPTIONAL=1`` (CI) turns every skip into a failure, but for data that lie beside the project.
"""

import os
from collections import Counter
from collections.abc import Generator, Iterator

import hypothesis
import pytest

from tests.support.environment import REQUIRE_OPTIONAL, settings_in
from tests.support.loopback import guard

pytest_plugins = ("tests.support.mailpit",)

# How long one example takes depends on the machine, and the bug database on the last run: neither is a result.
hypothesis.settings.register_profile("mailsvc", deadline=None, database=None)
hypothesis.settings.load_profile("mailsvc")

guard()


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """Take away the MAILSVC_ variables, so that a test sees only the settings it makes."""
    with pytest.MonkeyPatch.context() as patch:
        for name in settings_in(os.environ):
            patch.delenv(name)
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file that share a service in one worker: each further one would start its own."""
    for item in items:
        loop = item.get_closest_marker("asyncio")
        if "service" in getattr(item, "fixturenames", ()) or (loop and loop.kwargs.get("loop_scope") == "module"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


#: Skips for want of data that are no part of the project and cannot be installed begin so; CI goes on without them.
BESIDE = "the collection of"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test fail whose optional part is absent where all are required."""
    report = yield
    beside = report.skipped and skip_reason(report).startswith(BESIDE)
    if REQUIRE_OPTIONAL and report.skipped and not beside and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"required here, but not run: {skip_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Let a whole file fail likewise."""
    report = yield
    if REQUIRE_OPTIONAL and report.skipped:
        report.outcome, report.longrepr = "failed", f"required here, but not run: {skip_reason(report)}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was not run, and why, once per reason."""
    reasons = Counter(skip_reason(report) for report in terminalreporter.stats.get("skipped", ()))
    if reasons:
        terminalreporter.section("optional parts that were absent")
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"{reason} ({count} not run)")


def skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the words of a skip: pytest keeps file, line and "Skipped: words"."""
    words = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return words.removeprefix("Skipped: ")
