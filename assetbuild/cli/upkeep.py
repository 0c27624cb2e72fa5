"""``accept``, ``clean`` and ``gc``: adopt, forget, and make room."""

from __future__ import annotations

import sys

import click

from assetbuild.cli.formats import counted, size
from assetbuild.cli.options import json_option, open_project, selection_argument, yes_option
from assetbuild.cli.terminal import Cell, Terminal
from assetbuild.declare.sizes import size_bytes
from assetbuild.materialize.upkeep import GcReport

__all__ = ["accept_command", "clean_command", "gc_command", "gc_lines"]

_FEW = 20


@click.command("accept")
@selection_argument(required=True)
@click.option(
    "-r", "--reason", required=True, metavar="TEXT", help="Why the change cannot change the data; kept on record."
)
@yes_option()
@json_option()
@click.pass_obj
def accept_command(
    terminal: Terminal,
    selection: tuple[str, ...],
    reason: str,
    *,
    yes: bool,  # noqa: ARG001  # accepted as everywhere; the reason is the confirmation
    as_json: bool,
) -> int:
    """Adopt the stored values of SELECTION as what today's code and config give, without running anything.

    For an edit that you know changes nothing, such as a rename. 'why' shows the reason, the author and the time.
    """
    project = open_project(terminal)
    adopted = project.accept(selection, reason)
    terminal.warn(project.warnings)
    if as_json:
        terminal.json({"accepted": list(adopted), "reason": reason})
    if adopted:
        terminal.print(*_named(adopted), f"accepted {counted(len(adopted), 'asset')}")
    else:
        terminal.print("nothing to accept: all of the selection is fresh")
    return 0


@click.command("clean")
@selection_argument(required=True)
@yes_option()
@json_option()
@click.pass_obj
def clean_command(terminal: Terminal, selection: tuple[str, ...], *, yes: bool, as_json: bool) -> int:
    """Forget SELECTION: the published value, and all that is recorded about it. The next build runs it again."""
    project = open_project(terminal)
    keys = sorted(project.select(selection))
    if not yes and not as_json and keys and _is_asked(terminal):
        terminal.print(*_named(keys))
        if not click.confirm(f"forget {counted(len(keys), 'asset')}?"):
            terminal.print("nothing was forgotten")
            return 1
    cleaned = project.clean(selection)
    terminal.warn(project.warnings)
    if as_json:
        terminal.json({"cleaned": list(cleaned)})
    terminal.print(*_named(cleaned), f"forgot {counted(len(cleaned), 'asset')}")
    return 0


@click.command("gc")
@click.option("--keep-days", type=click.FloatRange(min=0), metavar="N", help="Keep what was built in the last N days.")
@click.option("--keep-last", type=click.IntRange(min=0), metavar="K", help="Keep the last K values of each asset.")
@click.option("--max-size", metavar="SIZE", help="Remove old values, least recently used first, until all fits: '2GB'.")
@click.option("-n", "--dry-run", is_flag=True, help="Remove nothing: say what would be removed.")
@yes_option()
@json_option()
@click.pass_obj
def gc_command(  # noqa: PLR0913  # one for each option
    terminal: Terminal,
    keep_days: float | None,
    keep_last: int | None,
    max_size: str | None,
    *,
    dry_run: bool,
    yes: bool,  # noqa: ARG001  # accepted as everywhere; nothing that is removed is needed, so nothing is asked
    as_json: bool,
) -> int:
    """Remove stored objects that nothing needs, and the values of assets that are no longer declared.

    What is materialized now is always kept.
    """
    try:
        max_bytes = None if max_size is None else size_bytes(max_size)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--max-size'") from error
    project = open_project(terminal)
    report = project.gc(keep_days=keep_days, keep_last=keep_last, max_bytes=max_bytes, dry_run=dry_run)
    terminal.warn(project.warnings)
    if max_bytes is not None and report.left_bytes > max_bytes:
        terminal.note(f"{size(report.left_bytes)} are left, more than {size(max_bytes)}: all of it is materialized now")
    if as_json:
        items = [{"kind": item.kind, "name": item.name, "size_bytes": item.size_bytes} for item in report.removed]
        document = {"dry_run": dry_run, "removed": items, "size_bytes": report.bytes, "left_bytes": report.left_bytes}
        terminal.json(document)
    terminal.print(*gc_lines(terminal, report, dry_run=dry_run))
    return 0


def gc_lines(terminal: Terminal, report: GcReport, *, dry_run: bool) -> list[str]:
    """Return a line per removed thing, and what they take together."""
    if not report.removed:
        return ["nothing to remove"]
    rows: list[list[Cell]] = [
        [(item.kind, "faint"), f"{size(item.size_bytes):>8}", item.name] for item in report.removed
    ]
    verb = "would remove" if dry_run else "removed"
    return [*terminal.table(rows, indent="  "), f"{verb} {counted(len(rows), 'item')}, {size(report.bytes)}"]


def _named(keys: list[str]) -> list[str]:
    more = [f"  and {len(keys) - _FEW:,} more"] if len(keys) > _FEW else []
    return [f"  {key}" for key in keys[:_FEW]] + more


def _is_asked(terminal: Terminal) -> bool:
    return terminal.is_terminal and sys.stdin.isatty()
