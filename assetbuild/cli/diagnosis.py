"""``doctor``: look for trouble."""

from __future__ import annotations

import click

from assetbuild.cli.formats import counted
from assetbuild.cli.options import json_option, open_project
from assetbuild.cli.terminal import Cell, Terminal
from assetbuild.plan.doctor import Finding

__all__ = ["doctor_command", "finding_lines"]

_LEVELS = ("error", "warning", "note", "ok")


@click.command("doctor")
@json_option()
@click.pass_obj
def doctor_command(terminal: Terminal, *, as_json: bool) -> int:
    """Look for trouble: damaged state and objects, code that cannot be followed, orphans, the environment.

    Exits with 1 when there is an error among the findings.
    """
    project = open_project(terminal)
    findings = project.doctor()
    terminal.warn(project.warnings)
    if as_json:
        terminal.json({"findings": [_as_json(finding) for finding in findings]})
    terminal.print(*finding_lines(terminal, findings))
    return 1 if any(finding.level == "error" for finding in findings) else 0


def finding_lines(terminal: Terminal, findings: list[Finding]) -> list[str]:
    """Return the findings with their marks, and how many of each kind there are."""
    rows: list[list[Cell]] = []
    for finding in findings:
        first, *rest = finding.message.splitlines() or [""]
        if finding.place:
            rest.append(f"at {finding.place}")
        rows.append([(finding.level, finding.level), finding.subject, first])
        rows.extend(["", "", (line, "faint")] for line in rest)
    numbers = [(level, sum(finding.level == level for finding in findings)) for level in _LEVELS]
    counts = [f"{number:,} ok" if level == "ok" else counted(number, level) for level, number in numbers if number]
    return [*terminal.table(rows, indent="  ", cut=False), ", ".join(counts) or "nothing found"]


def _as_json(finding: Finding) -> dict[str, str | None]:
    return {
        "level": finding.level,
        "subject": finding.subject,
        "message": finding.message,
        "place": finding.place or None,
    }
