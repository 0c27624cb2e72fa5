from __future__ import annotations

import click
import pytest

from assetbuild.cli.live import LiveView
from assetbuild.cli.progress import BuildLines
from assetbuild.cli.terminal import Terminal
from assetbuild.materialize.events import AssetFinished, AssetProgress, AssetStarted, RunPlanned
from assetbuild.materialize.report import Outcome
from assetbuild.plan.model import Plan, Step
from tests.cli_unit.conftest import Screen


@pytest.fixture
def start(monkeypatch):
    """Start a live view of so many assets on a terminal of 80 columns and 24 lines."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("TERM", "xterm")
    views = []

    def start(assets, **environment):
        terminal = Terminal(Screen(is_terminal=True), Screen(is_terminal=True), environment=environment, width=80)
        lines = BuildLines(terminal)
        lines(RunPlanned(Plan.of(tuple(Step(f"group/asset_{n}", None, "missing", "run") for n in range(assets)))))
        views.append(LiveView(terminal, lines))
        return terminal, views[-1]

    yield start
    for view in views:
        view.close()


def shown(view):
    return [click.unstyle(line) for line in view._drawn(79, 24)]


def test_each_running_asset_has_a_line(start):
    _, view = start(2)
    view(AssetStarted("group/asset_0", None, expected_s=4.0))
    view(AssetStarted("group/asset_1", None))
    view(AssetProgress("group/asset_1", None, 30, 40))
    first, second, whole = shown(view)
    assert first.split() == ["running", "group/asset_0", "0.00", "s", "took", "4.0", "s", "last", "time"]
    assert second.split()[-5:] == ["30", "of", "40", "75", "%"]
    assert whole.startswith("  [............]  0 of 2, 2 running")


def test_five_thousand_assets_stay_readable(start):
    terminal, view = start(5000)
    for number in range(64):
        view(AssetStarted(f"group/asset_{number}", None))
    for number in range(2500):
        view(AssetFinished(Outcome(f"group/asset_{number}", None, "built", data_version="1")))
    for number in range(2500, 2600):
        view(AssetStarted("group/" + "long" * 40 + str(number), None))
    lines = shown(view)
    assert len(lines) <= 15
    assert max(map(len, lines)) < 80
    assert lines[-2].strip() == "and 88 more are running"
    assert "[######......]  2,500 of 5,000, 100 running" in lines[-1]
    assert "built" not in terminal.stdout.getvalue(), "a good outcome is counted, not listed"


def test_failures_scroll_by_whatever_the_number(start):
    terminal, view = start(5000)
    view(AssetFinished(Outcome("group/asset_7", None, "failed", error="ValueError: no", seconds=1.0)))
    assert "ValueError: no" in terminal.stdout.getvalue()
    assert "1 failed" in shown(view)[-1]


def test_without_colour_the_view_has_none(start):
    terminal, view = start(2, NO_COLOR="1")
    view(AssetStarted("group/asset_0", None))
    view(AssetFinished(Outcome("group/asset_0", None, "built", data_version="1")))
    view.close()
    assert "\x1b[3" not in terminal.stdout.getvalue().replace("\x1b[3A", "")


def test_the_cursor_stays_visible(start):
    terminal, view = start(1)
    view.close()
    output = terminal.stdout.getvalue()
    assert output.rfind("\x1b[?25h") > output.rfind("\x1b[?25l")
