"""The live view of a watcher: what happened scrolls by, and below it stands how things are.

    14:02:11  changed   shop/assets.py
      built     late_flights      0.4 s    9,724 rows  code of late changed
      running   delays by airport 1.2 s                took 3 s last time
      ...
      building  2 of 5, 1 cut off
      next      sensor 'new_files' in 12 s
      error     prices: ValueError: no rows
      r rebuild   f force   w why   q quit

Imports ``rich`` with ``screen.py``: only a terminal pays for it.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from assetbuild.cli.formats import clip, counts_text, duration, last_line
from assetbuild.cli.keys import keys_of_terminal
from assetbuild.cli.plans import label
from assetbuild.cli.screen import LiveScreen, last_time_text, progress_text
from assetbuild.cli.terminal import Terminal
from assetbuild.cli.watch_lines import WatchLines
from assetbuild.materialize.events import AssetFinished, AssetProgress, AssetStarted, Event, RunFinished, RunPlanned
from assetbuild.project import Project
from assetbuild.watch.events import BuildRequested, DefinitionsBroken, DefinitionsMended, WatchIdle, WatchStopped

if TYPE_CHECKING:
    from assetbuild.watch.loop import Watcher

__all__ = ["WatchView"]

_RUNNING_SHOWN = 8
_TICKS_SHOWN = 3
_EXPLAINED = 10


class WatchView:
    """Shows the events of a watcher in a terminal."""

    def __init__(self, terminal: Terminal) -> None:
        """Begin to draw, and to listen for keys."""
        self._terminal = terminal
        self._lines = WatchLines(terminal)
        self._watcher: Watcher | None = None
        self._state = "starting"
        self._failing: tuple[str, ...] = ()
        self._ticks: list[tuple[str, float]] = []
        self._running: dict[tuple[str, str | None], tuple[float, str]] = {}
        self._planned = self._done = 0
        self._last_built: list[str] = []
        self._errors: dict[str, str] = {}
        self._broken = ""
        self.keys = keys_of_terminal()
        self._screen = LiveScreen(terminal, self._drawn, per_second=4)

    def follow(self, watcher: Watcher) -> None:
        """Ask this watcher for its next ticks."""
        self._watcher = watcher

    def __call__(self, event: Event) -> None:
        """Take an event into the view, and scroll its lines by above it."""
        self._take(event)
        self._screen.scroll(self._lines.lines(event))
        if not isinstance(event, AssetProgress):
            self._screen.refresh()

    def close(self) -> None:
        """End the view, and give the terminal back."""
        with suppress(Exception):
            self._screen.close()
        if self.keys is not None:
            self.keys.close()

    def on_key(self, key: str, project: Project) -> None:
        """Answer ``w``: explain what fails or is stale, and what was built last."""
        if key != "w":
            return
        from assetbuild.cli.why import explanation_lines  # noqa: PLC0415

        stale = [step.asset for step in project.plan() if step.status != "fresh"]
        if not stale:
            self._screen.scroll(self._last_built or ["all is fresh, and nothing was built yet"])
        for asset in stale[:_EXPLAINED]:
            self._screen.scroll(explanation_lines(self._terminal, project.why(asset)))

    def _take(self, event: Event) -> None:
        if isinstance(event, BuildRequested):
            self._state, self._planned, self._done = "building", 0, 0
            self._running = {}
        elif isinstance(event, RunPlanned):
            # Planned anew on the way when what has run tells which partitions there are: what is done stays counted.
            self._planned = self._done + sum(step.status != "fresh" for step in event.plan)
            if self._planned:
                self._last_built = []
        elif isinstance(event, AssetStarted):
            self._running[event.asset, event.partition] = (time.monotonic(), last_time_text(event.expected_s))
        elif isinstance(event, AssetProgress):
            began, _ = self._running.get((event.asset, event.partition), (time.monotonic(), ""))
            self._running[event.asset, event.partition] = (began, progress_text(event.done, event.total))
        elif isinstance(event, AssetFinished):
            self._finished(event)
        elif isinstance(event, (RunFinished, WatchStopped)):
            self._running = {}
        elif isinstance(event, DefinitionsBroken):
            self._state = "broken"
            self._broken = "; ".join(problem.headline for problem in event.problems)
        elif isinstance(event, DefinitionsMended):
            self._broken = ""
        elif isinstance(event, WatchIdle):
            self._state, self._failing = event.state, event.failing
            self._errors = {asset: error for asset, error in self._errors.items() if asset in event.failing}
            automation = self._watcher.automation if self._watcher is not None else None
            entries = automation.entries() if automation is not None else []
            self._ticks = [(entry.title, entry.next_at) for entry in entries if entry.next_at is not None]

    def _finished(self, event: AssetFinished) -> None:
        outcome = event.outcome
        name = label(outcome.asset, outcome.partition)
        self._running.pop((outcome.asset, outcome.partition), None)
        self._done += outcome.outcome != "fresh"
        if outcome.outcome == "failed":
            self._errors[outcome.asset] = last_line(outcome.error or "")
        if outcome.outcome in {"built", "restored"}:
            causes = "; ".join(cause.message for cause in outcome.causes)
            self._last_built.append(f"  {name}: {outcome.outcome}, {causes}")

    def _drawn(self, columns: int, _lines: int) -> list[str]:
        width = max(columns, 20)
        now = time.monotonic()
        lines = [
            self._line("running", f"{label(*key)}  {duration(now - began)}  {text}".rstrip(), width)
            for key, (began, text) in list(self._running.items())[:_RUNNING_SHOWN]
        ]
        if len(self._running) > _RUNNING_SHOWN:
            lines.append(f"  and {len(self._running) - _RUNNING_SHOWN} more are running")
        lines.append(self._state_line(width))
        wall = time.time()
        lines += [
            self._line("next", f"{title} in {duration(max(at - wall, 0))}", width, "note")
            for title, at in self._ticks[:_TICKS_SHOWN]
        ]
        if self._broken:
            lines.append(self._line("error", self._broken, width, "error"))
        elif self._errors:
            name, error = list(self._errors.items())[-1]
            lines.append(self._line("error", f"{name}: {error}", width, "error"))
        if self.keys is not None:
            lines.append(self._terminal.style("  r rebuild   f force   w why   q quit", "faint"))
        return lines

    def _state_line(self, width: int) -> str:
        counts = counts_text(self._lines.counts, self._terminal.style)
        if self._state == "building":
            return self._line("building", f"{self._done:,} of {self._planned:,}", width, "running")
        failing = f"failing: {', '.join(self._failing)}" if self._failing else ""
        said = "  ".join(part for part in (failing, f"last build: {counts}" if counts else "") if part)
        style = {"fresh": "fresh", "failing": "failed", "broken": "failed"}.get(self._state, "note")
        return self._line(self._state, said, width * 2 if self._terminal.colour else width, style)

    def _line(self, name: str, text: str, width: int, style: str = "") -> str:
        shown = f"{name:<8}"
        return f"  {self._terminal.style(shown, style or name)}  {clip(text, width - 12)}".rstrip()
