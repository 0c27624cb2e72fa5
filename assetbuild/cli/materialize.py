"""``materialize``: build what is stale, or say what would be built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from assetbuild.cli.building import BuildFlags, build, none_selected
from assetbuild.cli.options import json_option, open_project, partition_option, selection_argument, settings_options
from assetbuild.cli.plans import STALE, plan_lines, prediction_lines
from assetbuild.cli.terminal import Terminal
from assetbuild.errors import Problem, UsageError
from assetbuild.plan.model import Plan
from assetbuild.project import Project

__all__ = ["materialize_command"]


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
    options = BuildFlags(**flags)
    if options.frozen and options.force:
        problem = Problem("--frozen and --force contradict each other", advice="Give one of them.")
        raise UsageError(problem)
    project = open_project(terminal, config_file, settings)
    if options.dry_run or options.frozen:
        return _show_plan(terminal, project, selection, options)
    return build(terminal, project, selection, options)


def _show_plan(terminal: Terminal, project: Project, selection: tuple[str, ...], options: BuildFlags) -> int:
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
    terminal.print(*(plan_lines(terminal, plan) if len(plan) else none_selected(project, selection, options)))
    if options.frozen:
        if not plan.is_fresh:
            terminal.note("--frozen: nothing was built")
        return 0 if plan.is_fresh else STALE
    terminal.print(*prediction_lines(plan))
    return 0
