"""Say at the end how much the random tests tried."""

from __future__ import annotations

from collections import Counter

import pytest

COUNTED = ("builds", "edits", "built", "restored", "fresh", "failed", "skipped")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tried: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        tried.update({name: int(str(value)) for name, value in report.user_properties if name in COUNTED})
    if tried:
        counts = ", ".join(f"{tried[name]} {name}" for name in COUNTED)
        terminalreporter.write_line(f"random rebuilds as the model says: {counts}")
