"""Build, and show what happens: as lines, or in a live view."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

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
        events = None if options.events is None else _EventsFile(options.events, stack)
        watcher = _Watcher(terminal, is_live=_may_be_live(terminal, options), events=events)
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
    if events is not None and events.lost:
        terminal.note(f"cannot write the events: {events.lost}")
        return report.exit_code or 1
    return report.exit_code


def none_selected(project: Project, selection: tuple[str, ...], options: BuildFlags) -> list[str]:
    """Return what there is to say when nothing was selected, or nothing of it was missing."""
    return [none_listed(len(project.select(selection)), missing_only=options.missing_only)]


class _Watcher:
    """Shows events: as lines, and from the first asset that starts as a live view where there is a terminal."""

    def __init__(self, terminal: Terminal, *, is_live: bool, events: _EventsFile | None) -> None:
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
            self._events.write(event)

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


class _EventsFile:
    """Where events are written as lines; when that fails, the build goes on without."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            problem = Problem(f"cannot write {str(path)!r}: {error.strerror}", advice="Name another file for --events.")
            raise UsageError(problem) from error
        stack.callback(self._file.close)
        self.lost = ""

    def write(self, event: Event) -> None:
        if self.lost:
            return
        left = memoryview(f"{event.as_line()}\n".encode())
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            self.lost = error.strerror or str(error)
