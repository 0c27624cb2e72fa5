"""The lines of a watcher: what changed, what was built, what is wrong. For a pipe, and above the live view."""

from __future__ import annotations

import time

from assetbuild.cli.formats import counted, counts_text, duration, enumerated
from assetbuild.cli.progress import BuildLines
from assetbuild.cli.terminal import Terminal
from assetbuild.materialize.events import AssetFinished, Event, RunFinished, RunPlanned, RunStarted, Waiting
from assetbuild.watch.events import (
    BuildCutOff,
    BuildFailed,
    BuildRequested,
    DefinitionsBroken,
    DefinitionsMended,
    NothingAffected,
    Noticed,
    SomethingChanged,
    WatchStarted,
    WatchStopped,
)

__all__ = ["WatchLines"]

_PATHS_SHOWN = 4
_NAMES_SHOWN = 8


class WatchLines:
    """Turns the events of a watcher into lines, and prints them."""

    def __init__(self, terminal: Terminal) -> None:
        """Print to this terminal."""
        self.terminal = terminal
        self._build = BuildLines(terminal)
        self.counts: dict[str, int] = {}
        """Outcomes of the build that goes on or was last; ``cut off`` are those whose inputs came out equal."""
        self._planned: frozenset[tuple[str, str | None]] = frozenset()

    def __call__(self, event: Event) -> None:
        """Print what there is to say about an event."""
        if isinstance(event, Waiting):
            self.terminal.note(f"waiting for another build: {event.holder}")
        for line in self.lines(event):
            self.terminal.print(line)

    def lines(self, event: Event) -> list[str]:
        """Return the lines for an event, mostly none."""
        return [*self._said(event), *self._of_build(event)]

    def _of_build(self, event: Event) -> list[str]:
        if isinstance(event, RunStarted):
            self._build = BuildLines(self.terminal)
            self.counts = {}
        elif isinstance(event, RunPlanned):
            self._planned = frozenset((step.asset, step.partition) for step in event.plan if step.status != "fresh")
        elif isinstance(event, AssetFinished) and (event.outcome.asset, event.outcome.partition) in self._planned:
            name = "cut off" if event.outcome.outcome == "fresh" else event.outcome.outcome
            self.counts[name] = self.counts.get(name, 0) + 1
        lines = self._build.lines(event)
        if isinstance(event, RunFinished):
            return [*self._build.left_out(), *self._summary(event)]
        return lines

    def _said(self, event: Event) -> list[str]:
        style = self.terminal.style
        if isinstance(event, WatchStarted):
            how = "polling" if event.mode == "polling" else f"{counted(event.folders, 'folder')}"
            what = f"{counted(event.assets, 'asset')}, {counted(event.files, 'file')}, {how}"
            return [style(f"watching {event.project}", "title") + f"  {what}"]
        if isinstance(event, SomethingChanged):
            what = "events were lost: looked at everything" if event.everything else _paths(event.paths)
            return [f"{_clock()}  {style('changed', 'note')}   {what}"]
        if isinstance(event, NothingAffected):
            failing = f"; still failing: {', '.join(event.failing)}" if event.failing else ""
            return [style(f"{_clock()}  no effect  {_paths(event.paths)}{failing}", "faint")]
        if isinstance(event, DefinitionsBroken):
            problems = [line for problem in event.problems for line in f"error: {problem}".splitlines()]
            return [f"{_clock()}  {style('broken', 'failed')}", *(f"  {line}" for line in problems)]
        if isinstance(event, BuildFailed):
            return [f"{style('error:', 'error')} {problem}" for problem in event.problems]
        return _plain(event, self.terminal)

    def _summary(self, event: RunFinished) -> list[str]:
        if event.status == "success" and not self.counts:
            return [f"{_clock()}  {self.terminal.style('fresh', 'fresh')}     nothing to do"]
        said = counts_text(self.counts, self.terminal.style)
        return [f"{_clock()}  {_state(event.status, self.terminal)}  {said} in {duration(event.seconds)}"]


def _plain(event: Event, terminal: Terminal) -> list[str]:
    if isinstance(event, BuildRequested) and event.reason not in {"start", "change"}:
        return [f"{_clock()}  {terminal.style('build', 'note')}     {event.reason}"]
    if isinstance(event, DefinitionsMended):
        return [f"{_clock()}  {terminal.style('mended', 'ok')}    the project loads again"]
    if isinstance(event, BuildCutOff):
        names = enumerated(event.assets, _NAMES_SHOWN)
        return [f"{_clock()}  {terminal.style('restart', 'interrupted')}   ended, to be built anew: {names}"]
    if isinstance(event, Noticed):
        return [f"{_clock()}  {terminal.style('note', 'note')}      {event.text}"]
    if isinstance(event, WatchStopped):
        return [f"{_clock()}  stopped   {event.reason}"]
    return []


def _state(status: str, terminal: Terminal) -> str:
    name, style = {"success": ("built", "built"), "failed": ("failed", "failed")}.get(status, (status, "interrupted"))
    return terminal.style(f"{name:<8}", style)


def _paths(paths: tuple[str, ...]) -> str:
    return enumerated(paths, _PATHS_SHOWN)


def _clock() -> str:
    return time.strftime("%H:%M:%S")
