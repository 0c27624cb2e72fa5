"""``shop``: a project whose automation is driven by hand, with a clock that only the test moves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from textwrap import dedent
from typing import Literal
from zoneinfo import ZoneInfo

import pytest

from assetbuild.materialize.report import Report
from assetbuild.project import Project
from assetbuild.record.ticks import AutomationState, Tick
from assetbuild.watch.automation import Automation, Request, carry_out
from assetbuild.watch.journal import Journal

HEADER = """\
from pathlib import Path

from assetbuild import (
    Config, Context, DataVersion, RunRequest, SkipReason, Static, asset, cron, freshness, multi_asset, schedule, sensor,
    source,
)

HERE = Path(__file__).parent

"""


def at(text: str, zone: str = "UTC") -> float:
    """Return a moment, such as ``2026-03-01 06:00``, in seconds since 1970."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def shown(moment: float | None, zone: str = "UTC") -> str:
    """Return a moment as ``at`` takes it."""
    assert moment is not None
    return f"{datetime.fromtimestamp(moment, ZoneInfo(zone)):%Y-%m-%d %H:%M}"


class Shop:
    """A project in a folder, and the automation of a watcher that was started in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = at("2026-03-01 12:00")
        self.automation: Automation | None = None
        self.watchers: list[Automation] = []

    def declare(self, body: str) -> None:
        """Write ``assets.py``."""
        self.root.mkdir(exist_ok=True)
        (self.root / "assets.py").write_text(HEADER + dedent(body))

    def write(self, file: str, text: str) -> None:
        (self.root / file).write_text(text)

    def read(self, file: str) -> str:
        path = self.root / file
        return path.read_text() if path.exists() else ""

    def start(self, *selection: str) -> Automation:
        """Start a watcher; the one before goes on."""
        self.project = Project.open(self.root)
        self.automation = Automation(self.project, now=self.now, selection=selection)
        self.watchers.append(self.automation)
        return self.automation

    def reload(self) -> None:
        """Let the watcher see that the definitions have changed."""
        self.project = Project.open(self.root)
        self.watching.reload(self.project, self.now)

    @property
    def watching(self) -> Automation:
        assert self.automation is not None
        return self.automation

    def due(self) -> list[Request]:
        """Return what is asked for now, functions included that take a moment to answer."""
        requests = self.watching.due(self.now, self.project)
        self.watching.settle()
        return requests + self.watching.due(self.now, self.project)

    def done(
        self, requests: Sequence[Request], status: Literal["success", "failed", "interrupted"] = "success"
    ) -> None:
        """Say that the builds came out so, without building."""
        for request in requests:
            report = Report("20260301T120000-abcdef", status, ())
            self.watching.finished(request, report, now=self.now)

    def serve(self) -> list[tuple[str, ...]]:
        """Carry out what is due as the loop does, and return the selections."""
        requests = self.due()
        for request in requests:
            self.watching.finished(request, carry_out(request, self.project, jobs=0), now=self.now)
        return [request.selection for request in requests]

    def sleep_until(self, text: str, zone: str = "UTC") -> None:
        self.now = at(text, zone)

    def build(self, selection: Sequence[str] = (), *, only: bool = False) -> list[str]:
        """Build; return what ran."""
        report = self.project.materialize(selection, jobs=0, only=only)
        return [outcome.asset for outcome in report.assets if outcome.outcome == "built"]

    def change(self) -> list[str]:
        """Build what a change of files may build, as the loop does; return what ran."""
        self.reload()
        chosen = self.watching.on_change(self.project)
        return [] if chosen is None else self.build(chosen[0], only=chosen[1])

    def state(self, kind: str, name: str) -> AutomationState:
        return Journal(self.root).state(kind, name)

    def ticks(self, kind: str, name: str) -> list[Tick]:
        return Journal(self.root).history(kind, name)

    def outcomes(self, kind: str, name: str) -> list[str]:
        """Return the outcomes of the recorded ticks, oldest first."""
        return [tick.outcome for tick in reversed(self.ticks(kind, name))]


@pytest.fixture
def shop(tmp_path):
    shop = Shop(tmp_path / "shop")
    yield shop
    for watcher in shop.watchers:
        watcher.close()
