"""``sensors`` and ``schedules``: what runs by itself under ``watch``, how it went, and trying it by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from assetbuild.cli.completion import project_of, quietly
from assetbuild.cli.formats import ago, clip, counted, last_line, one_line, timestamp
from assetbuild.cli.options import json_option, open_project
from assetbuild.cli.progress import BuildLines, summary_lines
from assetbuild.cli.terminal import Cell, Terminal
from assetbuild.errors import Problem, UsageError
from assetbuild.project import Project
from assetbuild.record.ticks import Tick
from assetbuild.watch.listing import Listed, Ticked, find, history, list_automations, tick_once, try_out

__all__ = ["schedules_command", "sensors_command"]

_CURSOR_CELLS = 40
_STYLES = {"requested": "ok", "failed": "failed", "missed": "warning", "skipped": "faint", "interrupted": "interrupted"}
_KINDS = {"sensors": ("sensor",), "schedules": ("schedule", "condition")}


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    def names() -> list[CompletionItem]:
        listed = list_automations(project_of(context), _KINDS[context.info_name or "sensors"], time.time())
        return [CompletionItem(item.name, help=item.description) for item in listed]

    return [item for item in quietly(names) if item.value.startswith(incomplete)]


def _options(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        command = json_option()(command)
        command = click.option("--tick", is_flag=True, help=f"Tick the {what} once, now, and build what it asks for.")(
            command
        )
        command = click.option(
            "-n",
            "--dry-run",
            is_flag=True,
            help=f"Ask the {what}, and print its requests: nothing is built or written.",
        )(command)
        return click.argument("name", required=False, shell_complete=_complete)(command)

    return decorate


@click.command("sensors")
@_options("sensor")
@click.pass_obj
def sensors_command(terminal: Terminal, /, name: str | None, **flags: bool) -> int:
    """List the sensors: how often they are asked, how that went last, and their cursors.

    With NAME, list its ticks, newest first. 'assetbuild watch' runs them.
    """
    return _run(terminal, "sensors", name, flags)


@click.command("schedules")
@_options("schedule")
@click.pass_obj
def schedules_command(terminal: Terminal, /, name: str | None, **flags: bool) -> int:
    """List the schedules, and the assets that are built at their own times: last and next tick.

    With NAME, list its ticks, newest first. 'assetbuild watch' runs them.
    """
    return _run(terminal, "schedules", name, flags)


def _run(terminal: Terminal, command: str, name: str | None, flags: dict[str, bool]) -> int:
    as_json, now = flags["as_json"], time.time()
    if flags["dry_run"] and flags["tick"]:
        raise UsageError(Problem("--dry-run and --tick contradict each other", advice="Give one of them."))
    project = open_project(terminal)
    if name is None:
        if flags["dry_run"] or flags["tick"]:
            raise UsageError(Problem("which one is meant?", advice=f"Name it: assetbuild {command} NAME --dry-run"))
        listed = list_automations(project, _KINDS[command], now)
        terminal.warn(project.warnings)
        if as_json:
            terminal.json({command: [item.as_json() for item in listed]})
        terminal.print(*listing_lines(terminal, command, listed, now))
        return 0
    item = find(project, _KINDS[command], name, now)
    if flags["dry_run"]:
        return _told(terminal, project, item, try_out(project, item, now), dry_run=True)
    if flags["tick"]:
        lines = BuildLines(terminal)
        return _told(terminal, project, item, tick_once(project, item, time.time, on_event=lines), dry_run=False)
    ticks = history(project, item)
    terminal.warn(project.warnings)
    if as_json:
        terminal.json({**item.as_json(), "ticks": [tick.as_json() for tick in ticks]})
    terminal.print(*listing_lines(terminal, command, [item], now), *tick_lines(terminal, ticks))
    return 0


def listing_lines(terminal: Terminal, command: str, listed: Sequence[Listed], now: float) -> list[str]:
    """Return a line for each automation: name, times, last tick, next tick, cursor."""
    if not listed:
        return [f"no {command}"]
    rows: list[list[Cell]] = []
    for item in listed:
        name = f"asset {item.name}" if item.kind == "condition" else item.name
        row: list[Cell] = [(name, "title"), item.when, *_last_cells(item.last, now), _next(item, now)]
        if item.state.cursor is not None:
            row.append((f"cursor {clip(one_line(item.state.cursor), _CURSOR_CELLS)}", "faint"))
        rows.append(row)
    return terminal.table(rows)


def tick_lines(terminal: Terminal, ticks: Sequence[Tick]) -> list[str]:
    """Return a line for each tick, newest first."""
    rows: list[list[Cell]] = []
    for tick in ticks:
        outcome = tick.outcome + (f" {tick.times} times" if tick.times > 1 else "")
        runs = ", ".join(f"{run['run_id']} {run['status']}" for run in tick.runs if run["run_id"])
        said = "; ".join(filter(None, [*map(_request_text, tick.requests), runs, last_line(tick.message)]))
        rows.append([timestamp(tick.at), (outcome, _STYLES.get(tick.outcome, "")), said])
    return terminal.table(rows, indent="  ") or ["  no tick yet"]


def _told(terminal: Terminal, project: Project, item: Listed, ticked: Ticked, *, dry_run: bool) -> int:
    terminal.warn((*project.warnings, *(warning for report in ticked.reports for warning in report.warnings)))
    if terminal.as_json:
        terminal.json({"name": item.name, "kind": item.kind, "dry_run": dry_run, **ticked.as_json()})
    terminal.text(f"{ticked.log}\n" if ticked.log else "")
    verb = "would ask for" if dry_run else "asked for"
    terminal.print(*(f"{verb} {request}" for request in ticked.requests))
    terminal.print(*(f"asked for before: {request}" for request in ticked.known))
    if ticked.outcome == "failed":
        terminal.print(terminal.style(f"{item.kind} {item.name!r} failed", "failed"), ticked.message)
    elif not ticked.requests:
        terminal.print("asks for nothing" + (f": {ticked.message}" if ticked.message else ""))
    if dry_run and ticked.cursor is not None:
        is_moved = ticked.cursor != item.state.cursor
        was = "none" if item.state.cursor is None else one_line(item.state.cursor)
        terminal.print(f"cursor {was} -> {one_line(ticked.cursor)}, not written" if is_moved else f"cursor {was}")
    for report in ticked.reports:
        terminal.print(*summary_lines(terminal, report))
    codes = [report.exit_code for report in ticked.reports]
    return max([*codes, 1 if ticked.outcome == "failed" else 0])


def _last_cells(last: Tick | None, now: float) -> list[Cell]:
    if last is None:
        return [("never ticked", "faint"), ""]
    return [(last.outcome, _STYLES.get(last.outcome, "")), ago(last.at, now)]


def _next(item: Listed, now: float) -> Cell:
    if item.next_at is None:
        return "never due"
    due = "due" if item.next_at <= now else f"next {timestamp(item.next_at)}"
    return f"{due}, after {counted(item.state.failures, 'failure')}" if item.state.failures else due


def _request_text(request: dict[str, Any]) -> str:
    return " ".join(request["selection"]) or "all assets"
