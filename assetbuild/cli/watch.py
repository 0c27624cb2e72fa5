"""``watch``: stay, and build what is stale when something changes. A live view, plain lines, or events as JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from assetbuild.cli.options import open_project, partition_option, selection_argument, settings_options
from assetbuild.cli.terminal import Terminal
from assetbuild.errors import Problem, UsageError
from assetbuild.materialize.events import Event
from assetbuild.project import Project

__all__ = ["watch_command"]


@click.command("watch")
@selection_argument()
@click.option("-j", "--jobs", type=click.IntRange(min=0), metavar="N", help="Build N assets at a time.")
@click.option(
    "-k/ ",
    "--keep-going/--stop-on-failure",
    default=True,
    help="After a failure, build all that does not depend on it (the default), or start nothing more.",
)
@partition_option()
@click.option("--latest", type=click.IntRange(min=1), metavar="N", help="Only the last N partitions of each asset.")
@click.option("--missing-only", is_flag=True, help="Only what was never built; leave what is stale as it is.")
@click.option(
    "--on-change",
    type=click.Choice(["finish", "restart"]),
    default="finish",
    show_default=True,
    help="When something changes during a build: let it finish, or end what has become obsolete; then build again.",
)
@click.option(
    "--poll",
    is_flag=False,
    flag_value="2",
    type=click.FloatRange(min=0.05),
    metavar="[SECONDS]",
    help="Look for changes in intervals (2 s): for network file systems, where no events arrive.",
)
@click.option(
    "--debounce",
    type=click.FloatRange(min=0, max=10_000),
    default=30,
    show_default=True,
    metavar="MS",
    help="How long it must be quiet after a change.",
)
@click.option("--headless", is_flag=True, help="No view and no keys: every event as a line of JSON on stdout.")
@click.option(
    "--health",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Keep a JSON file that says how the watcher is, and when it last said so.",
)
@click.option(
    "--health-port",
    type=click.IntRange(min=0, max=65535),
    metavar="PORT",
    help="Answer the same on http://127.0.0.1:PORT; 503 while the project does not load.",
)
@settings_options()
@click.pass_obj
def watch_command(
    terminal: Terminal,
    /,
    selection: tuple[str, ...],
    config_file: Path | None,
    settings: tuple[str, ...],
    **flags: Any,
) -> int:
    """Build what is stale, then stay: save a file, and what depends on it is built again.

    Watches what the SELECTION and its upstream read: sources, code, data that loading reads, config and settings.
    Sensors and schedules run in the same loop.

    \b
    Keys in a terminal:
      r  rebuild, with what failed       w  why: what is stale or failed, and what was built last
      f  force the selection             q  quit
    """  # noqa: D301  # click keeps the lines behind \b as they are
    # Imported here: the loop takes 40 ms.
    from assetbuild.watch.loop import PACKAGES_MOVED, Watcher  # noqa: PLC0415
    from assetbuild.watch.options import WatchOptions  # noqa: PLC0415

    project = open_project(terminal, config_file, settings)
    if flags["jobs"] == 0 and flags["on_change"] == "restart":
        problem = Problem("--jobs 0 cannot end what it runs", advice="Drop --on-change restart, or give --jobs 1.")
        raise UsageError(problem)
    with ExitStack() as stack:
        view = _view(terminal, stack, is_headless=flags["headless"])
        options = WatchOptions(
            selection=selection,
            partition=flags["partition"],
            latest=flags["latest"],
            missing_only=flags["missing_only"],
            jobs=flags["jobs"],
            keep_going=flags["keep_going"],
            on_change=flags["on_change"],
            poll_s=flags["poll"],
            quiet_s=flags["debounce"] / 1000,
            config_file=config_file,
            health=flags["health"],
            health_port=flags["health_port"],
            on_event=view,
            keys=getattr(view, "keys", None),
            on_key=getattr(view, "on_key", _no_key),
        )
        watcher = Watcher(project, options)
        if hasattr(view, "follow"):
            view.follow(watcher)
        code = watcher.run()
    if code == PACKAGES_MOVED:
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # this very command, anew
    return code


def _no_key(_key: str, _project: Project) -> None:
    """Pass over a key without a meaning."""


def _view(terminal: Terminal, stack: ExitStack, *, is_headless: bool) -> Callable[[Event], None]:
    if is_headless:
        return _JsonLines(terminal)
    if terminal.is_terminal and not terminal.is_dumb:
        from assetbuild.cli.watch_view import WatchView  # noqa: PLC0415  # rich costs 100 ms

        view = WatchView(terminal)
        stack.callback(view.close)
        return view
    from assetbuild.cli.watch_lines import WatchLines  # noqa: PLC0415

    return WatchLines(terminal)


class _JsonLines:
    """Writes every event as one line of JSON, with its time."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def __call__(self, event: Event) -> None:
        self._terminal.print(event.as_line())
