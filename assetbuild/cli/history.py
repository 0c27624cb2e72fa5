"""``runs`` and ``logs``: what happened, and what assets wrote while they ran."""

from __future__ import annotations

import click

from assetbuild.cli.completion import complete_run
from assetbuild.cli.formats import counts_text, duration, timestamp
from assetbuild.cli.options import asset_argument, json_option, open_project
from assetbuild.cli.plans import label
from assetbuild.cli.terminal import Cell, Terminal
from assetbuild.project.history import AssetLog
from assetbuild.record.model import RunRow

__all__ = ["logs_command", "print_logs", "run_lines", "runs_command"]


@click.command("runs")
@click.option(
    "-l", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, newest first."
)
@json_option()
@click.pass_obj
def runs_command(terminal: Terminal, limit: int, *, as_json: bool) -> int:
    """List past runs, newest first."""
    project = open_project(terminal)
    runs = project.runs(limit)
    terminal.warn(project.warnings)
    if as_json:
        terminal.json({"runs": [_run_as_json(run) for run in runs]})
    terminal.print(*run_lines(terminal, runs))
    return 0


@click.command("logs")
@click.argument("run", default="last", shell_complete=complete_run)
@asset_argument(required=False)
@json_option()
@click.pass_obj
def logs_command(terminal: Terminal, run: str, asset: str | None, *, as_json: bool) -> int:
    """Print what the assets of RUN wrote, and how they failed; with ASSET only that one's.

    RUN is a run's id, the beginning of one, or 'last', which is also meant without it.
    """
    project = open_project(terminal)
    logs = project.log(run, asset)
    terminal.warn(project.warnings)
    if as_json:
        terminal.json({"logs": [_log_as_json(log) for log in logs]})
    print_logs(terminal, logs, is_one=asset is not None)
    return 0


def run_lines(terminal: Terminal, runs: list[RunRow]) -> list[str]:
    """Return a line per run: id, start, duration, status, counts, command."""
    if not runs:
        return ["no run yet"]
    rows: list[list[Cell]] = [
        [
            run.run_id,
            timestamp(run.started_at),
            f"{'' if run.seconds is None else duration(run.seconds):>11}",
            (run.status, run.status),
            counts_text(run.counts),
            (run.command, "faint"),
        ]
        for run in runs
    ]
    return terminal.table(rows)


def print_logs(terminal: Terminal, logs: list[AssetLog], *, is_one: bool) -> None:
    """Print what each asset wrote, under its name unless only one was asked for."""
    told = [log for log in logs if log.text or log.error]
    if not told:
        terminal.print("nothing was printed" if logs else "no asset ran")
    for number, log in enumerate(told):
        if not is_one or len(logs) > 1:
            name = terminal.style(label(log.asset, log.partition), "title")
            terminal.print(*([""] if number else []), f"{name}  {terminal.style(log.outcome, log.outcome)}")
        terminal.text(log.text if not log.text or log.text.endswith("\n") else f"{log.text}\n")
        if log.error and log.error.strip() not in log.text:
            terminal.print(log.error.rstrip())


def _run_as_json(run: RunRow) -> dict[str, object]:
    return {
        "run_id": run.run_id,
        "command": run.command,
        "status": run.status,
        "started_at": run.started_at,
        "seconds": run.seconds,
        "counts": dict(run.counts),
    }


def _log_as_json(log: AssetLog) -> dict[str, object]:
    return {
        "asset": log.asset,
        "partition": log.partition,
        "outcome": log.outcome,
        "error": log.error,
        "text": log.text,
    }
