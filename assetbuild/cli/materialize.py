"""``materialize``: build what is stale, or say what would be built."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

import click

from assetbuild.cli.formats import none_listed
from assetbuild.cli.options import json_option, open_project, partition_option, selection_argument, settings_options
from assetbuild.cli.progress import BuildLines, summary_lines
from assetbuild.cli.status import STALE, plan_lines, prediction_lines
from assetbuild.cli.terminal import Terminal
from assetbuild.dataclass import dataclass
from assetbuild.errors import Problem, UsageError
from assetbuild.materialize.events import AssetStarted, Event
from assetbuild.plan.model import Plan
from assetbuild.project import Project

__all__ = ["materialize_command"]


@dataclass(frozen=True, slots=True)
class _Flags:
    """The options of one ``materialize``."""

    dry_run: bool
    frozen: bool
    jobs: int | None
    keep_going: bool
    force: bool
    only: bool
    partition: str | None
    latest: int | None
    missing_only: bool
    wait: bool
    events: Path | None
    as_json: bool


@click.command("materialize")
@selection_argument()
@click.option("-n", "--dry-run", is_flag=True, help="Build nothing: print the plan.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=0),
    metavar="N",
    help="Build N assets at a time; 0 builds inside this process.",
)
@click.option("-k", "--keep-going", is_flag=True, help="After a failure, build all that does not depend on it.")
@click.option("-f", "--force", is_flag=True, help="Build the selection even where it is fresh.")
@click.option("--only", is_flag=True, help="Build the selection alone, nothing upstream of it.")
@partition_option()
@click.option("--latest", type=click.IntRange(min=1), metavar="N", help="Only the last N partitions of each asset.")
@click.option("--missing-only", is_flag=True, help="Only what was never built; leave what is stale as it is.")
@click.option("--wait/--no-wait", default=True, help="When another build holds the project: wait, or exit with 1.")
@click.option("--frozen", is_flag=True, help="Build nothing, and exit with 3 unless all is fresh.")
@click.option(
    "--events",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write every event as a line of JSON.",
)
@settings_options()
@json_option()
@click.pass_obj
def materialize_command(
    terminal: Terminal,
    /,
    selection: tuple[str, ...],
    config_file: Path | None,
    settings: tuple[str, ...],
    **flags: Any,
) -> int:
    """Build what is stale.

    SELECTION names assets; they and everything stale upstream of them are built. Without it, all assets.

    \b
      late_flights          an asset              group:raw      all assets of a group
      +late_flights         and all upstream      tag:team=ops   all assets with a tag
      late_flights+         and all downstream    status:stale   all that are stale
      'a or b', 'not a'     and, or, not, ( )     key:"raw/*"    all keys of a pattern
    """  # noqa: D301  # click keeps the lines behind \b as they are
    options = _Flags(**flags)
    if options.frozen and options.force:
        problem = Problem("--frozen and --force contradict each other", advice="Give one of them.")
        raise UsageError(problem)
    project = open_project(terminal, config_file, settings)
    if options.dry_run or options.frozen:
        return _show_plan(terminal, project, selection, options)
    return _build(terminal, project, selection, options)


def _show_plan(terminal: Terminal, project: Project, selection: tuple[str, ...], options: _Flags) -> int:
    plan: Plan = project.plan(
        selection,
        only=options.only,
        force=options.force,
        partition=options.partition,
        missing_only=options.missing_only,
        latest=options.latest,
    )
    terminal.warn((*project.warnings, *plan.warnings))
    if options.as_json:
        terminal.json(plan.as_json())
    terminal.print(*(plan_lines(terminal, plan) if len(plan) else _none_listed(project, selection, options)))
    if options.frozen:
        if not plan.is_fresh:
            terminal.note("--frozen: nothing was built")
        return 0 if plan.is_fresh else STALE
    terminal.print(*prediction_lines(plan))
    return 0


def _build(terminal: Terminal, project: Project, selection: tuple[str, ...], options: _Flags) -> int:
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
    terminal.print(*(_none_listed(project, selection, options) if is_empty else summary_lines(terminal, report)))
    return report.exit_code


def _none_listed(project: Project, selection: tuple[str, ...], options: _Flags) -> list[str]:
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


def _may_be_live(terminal: Terminal, options: _Flags) -> bool:
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
