"""``status``, and the listing of a plan that ``materialize -n`` and ``--frozen`` print too."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from assetbuild.cli.formats import counted, one_line
from assetbuild.cli.options import json_option, open_project, selection_argument, settings_options
from assetbuild.cli.terminal import Cell, Terminal
from assetbuild.plan.model import Action, Cause, Plan, Step

__all__ = ["STALE", "cause_text", "label", "plan_lines", "prediction_lines", "status_command"]

STALE = 3
"""The exit code of ``--exit-code`` and ``--frozen`` when something is not fresh."""

_FEW = 8
_CAUSES_SHOWN = 3
_ORDER = ("stale", "missing", "pending", "fresh")


@click.command("status")
@selection_argument()
@click.option("-a", "--all", "everything", is_flag=True, help="List the fresh assets too.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 unless all is fresh.")
@settings_options()
@json_option()
@click.pass_obj
def status_command(  # noqa: PLR0913  # one parameter per option
    terminal: Terminal,
    selection: tuple[str, ...],
    config_file: Path | None,
    settings: tuple[str, ...],
    *,
    everything: bool,
    exit_code: bool,
    as_json: bool,
) -> int:
    """Show what is fresh, stale, missing or pending, and why.

    SELECTION names assets, and everything upstream of them counts too; without it, all assets.
    Nothing is built and nothing is changed.

    \b
      fresh    the stored value is what today's code, config and data give
      stale    something it depends on changed, or its stored value did
      missing  never built, or its stored value is gone
      pending  nothing of its own changed, but something upstream will run
    """  # noqa: D301  # click keeps the lines behind \b as they are
    project = open_project(terminal, config_file, settings)
    plan = project.status(selection)
    terminal.warn((*project.warnings, *plan.warnings))
    if as_json:
        terminal.json(plan.as_json())
    terminal.print(*plan_lines(terminal, plan, everything=everything))
    return STALE if exit_code and not plan.is_fresh else 0


def plan_lines(terminal: Terminal, plan: Plan, *, everything: bool = False) -> list[str]:
    """Return a line for each step that is not fresh, and the counts; fresh steps when asked for or few."""
    if not plan.steps:
        return ["nothing to do: there are no assets"]
    fresh = [step for step in plan if step.status == "fresh"]
    if plan.is_fresh and not everything:
        return [f"nothing to do: {_all_fresh(len(fresh))}"]
    shown = [step for step in plan if step.status != "fresh" or everything or len(fresh) <= _FEW]
    rows = [row for step in shown for row in _rows(step)]
    if len(shown) < len(plan):
        rows.append([("fresh", "fresh"), (f"{len(fresh):,} more", "faint")])
    counts = plan.counts()
    total = ", ".join(terminal.style(f"{counts[name]:,} {name}", name) for name in _ORDER if name in counts)
    lines = [*terminal.table(rows, indent="  "), total]
    if plan.orphans:
        lines.append(f"no longer declared, and kept until 'assetbuild gc': {_enumerated(plan.orphans)}")
    return lines


def prediction_lines(plan: Plan) -> list[str]:
    """Return what a build would do: the assets that it would run, restore and decide on later."""
    said: tuple[tuple[Action, str, str], ...] = (
        ("run", "would run", ""),
        ("restore", "would restore", ""),
        ("check", "would check", " once what is upstream is done"),
    )
    lines = []
    for action, words, after in said:
        names = [label(step.asset, step.partition) for step in plan if step.action == action]
        if names:
            lines.append(f"{words} {counted(len(names), 'asset')}{after}: {_enumerated(names)}")
    return lines


def label(asset: str, partition: str | None) -> str:
    """Return how an asset, or one partition of it, is named in a line."""
    return asset if partition is None else f"{asset}[{partition}]"


def cause_text(cause: Cause) -> str:
    """Return a cause as one line."""
    if cause.message:
        return one_line(cause.message)
    moved = f": {cause.before} -> {cause.after}" if cause.before is not None or cause.after is not None else ""
    return one_line(f"{cause.kind} {cause.subject}{moved}")


def _rows(step: Step) -> list[list[Cell]]:
    texts: list[Cell] = [cause_text(cause) for cause in step.causes[:_CAUSES_SHOWN]]
    if len(step.causes) > _CAUSES_SHOWN:
        texts.append((f"and {len(step.causes) - _CAUSES_SHOWN} more: assetbuild why {step.asset}", "faint"))
    told = {cause.message for cause in step.causes}
    texts.extend((line, "failed") for line in step.problem.splitlines() if line not in told)
    first, *rest = texts or [""]
    if step.action == "restore":
        first = f"{first} (an earlier value comes back)"
    return [[(step.status, step.status), label(step.asset, step.partition), first], *(["", "", text] for text in rest)]


def _all_fresh(number: int) -> str:
    return f"{counted(number, 'asset')} {'is' if number == 1 else 'are'} fresh"


def _enumerated(names: Iterable[str]) -> str:
    known = list(names)
    more = f" and {len(known) - _FEW:,} more" if len(known) > _FEW else ""
    return ", ".join(known[:_FEW]) + more
