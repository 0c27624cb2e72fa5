"""Fixtures of the fault tests: ``launcher``, and ``shop``, a project in every kind of store."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from tests.faults.commands import Launcher
from tests.faults.shop import make_shop
from tests.harness.project_folder import ProjectFolder

if sys.platform != "linux":
    collect_ignore_glob = ["test_*.py"]  # /proc, and mounting a small disk


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    started = Launcher()
    yield started
    started.close()


@pytest.fixture(autouse=True)
def _count(launcher: Launcher, record_property: Callable[[str, object], None]) -> Iterator[None]:
    before = launcher.faults
    yield
    record_property("faults", launcher.faults - before)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for some in terminalreporter.stats.values() for report in some]
    said = [report.user_properties for report in reports if getattr(report, "when", None) == "teardown"]
    tried = sum(int(value) for properties in said for name, value in properties if name == "faults")
    if tried:
        terminalreporter.write_line(f"{tried} faults were tried")


@pytest.fixture
def shop(project: ProjectFolder) -> ProjectFolder:
    project.deterministic = False  # the shop knows its right values itself
    return make_shop(project)
