"""Build, and show what happens: as lines, or in a live view."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from assetbuild.cli.formats import none_listed
from assetbuild.cli.progress import BuildLines, summary_lines
from assetbuild.cli.terminal import Terminal
from assetbuild.dataclass import dataclass
from assetbuild.errors import Problem, UsageError
from assetbuild.materialize.events import AssetStarted, Event
from assetbuild.project import Project

__all__ = ["BuildFlags", "build", "none_selected"]


@dataclass(frozen=True, slots=True)
class BuildFlags:
    """The options of one ``materialize``."""

    dry_run: bool = False
    frozen: bool = False
    jobs: int | None = None
    keep_going: bool = False
    force: bool = False
    only: bool = False
    partition: str | None = None
    latest: int | None = None
    missing_only: bool = False
    wait: bool = True
    events: Path | None = None
    as_json: bool = False


def build(terminal: Terminal, project: Project, selection: tuple[str, ...], options: BuildFlags) -> int:
    """Build a selection, and return the exit code."""
    with ExitStack() as stack:
        watcher = _Watcher(terminal, is_live=_may_be_live(terminal, options), events=_opened(options.events, stack))
        stack.callback(watcher.close)
        report = project.materialize(
            selection,
            jobs=options.jobs,
            keep_going=options.keep_going,
            force=options.force,
            only=options.only,
            partition=options.partition,
            missing_only=options.missing_only,
            latest=options.latest,
            wait=options.wait,
            on_event=watcher,
        )
    terminal.warn((*project.warnings, *report.warnings))
    if options.as_json:
        terminal.json(report.as_json())
    is_empty = report.status == "success" and not len(report.assets)
    terminal.print(*(none_selected(project, selection, options) if is_empty else summary_lines(terminal, report)))
    return report.exit_code


def none_selected(project: Project, selection: tuple[str, ...], options: BuildFlags) -> list[str]:
    """Return what there is to say when nothing was selected, or nothing of it was missing."""
    return [none_listed(len(project.select(selection)), missing_only=options.missing_only)]


class _Watcher:
    """Shows events: as lines, and from the first asset that starts as a live view where there is a terminal."""

    def __init__(self, terminal: Terminal, *, is_live: bool, events: TextIO | None) -> None:
        self._terminal = terminal
        self._lines = BuildLines(terminal)
        self._may_be_live = is_live
        self._events = events
        self._show: Callable[[Event], None] = self._lines
        self._close: Callable[[], None] = self._lines.close

    def __call__(self, event: Event) -> None:
        if self._may_be_live and isinstance(event, AssetStarted):
            from assetbuild.cli.live import LiveView  # noqa: PLC0415  # rich costs 100 ms, a no-op must not pay them

            view = LiveView(self._terminal, self._lines)
            self._show, self._close, self._may_be_live = view, view.close, False
        self._show(event)
        if self._events is not None:
            self._events.write(event.as_line() + "\n")
            self._events.flush()

    def close(self) -> None:
        """End the view."""
        self._close()


def _may_be_live(terminal: Terminal, options: BuildFlags) -> bool:
    """Return whether a person watches: not with ``-j 0``, where the terminal belongs to ``breakpoint()``."""
    if terminal.is_dumb or options.jobs == 0:
        return False
    if terminal.as_json:
        return terminal.stderr.isatty() and not terminal.is_terminal
    return terminal.is_terminal


def _opened(events: Path | None, stack: ExitStack) -> TextIO | None:
    if events is None:
        return None
    try:
        return stack.enter_context(events.open("w", encoding="utf-8"))
    except OSError as error:
        problem = Problem(f"cannot write {str(events)!r}: {error.strerror}", advice="Name another file for --events.")
        raise UsageError(problem) from error
