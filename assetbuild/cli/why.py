"""``why``: everything that is known about one asset's staleness."""

from __future__ import annotations

from pathlib import Path

import click

from assetbuild.cli.formats import ago, counts_text, one_line, timestamp
from assetbuild.cli.options import asset_argument, json_option, open_project, settings_options
from assetbuild.cli.plans import cause_text, label
from assetbuild.cli.terminal import Cell, Terminal
from assetbuild.plan.explain import Explanation
from assetbuild.plan.model import Action, Cause

__all__ = ["explanation_lines", "why_command"]

_ACTIONS: dict[Action, str] = {
    "run": "it would run",
    "restore": "an earlier value would be restored, nothing would run",
    "check": "decided when what is upstream is done",
    "none": "nothing to do",
}


@click.command("why")
@asset_argument()
@click.option("--partition", metavar="KEY", help="The partition to explain; without it, the first that is not fresh.")
@settings_options()
@json_option()
@click.pass_obj
def why_command(  # one parameter per option
    terminal: Terminal,
    asset: str,
    config_file: Path | None,
    settings: tuple[str, ...],
    *,
    partition: str | None,
    as_json: bool,
) -> int:
    """Explain ASSET: each component that moved, before and after, with a diff for code.

    For an asset that waits for another one, the chain down to the root is shown. Nothing is built or changed.
    """
    project = open_project(terminal, config_file, settings)
    explanation = project.why(asset, partition)
    terminal.warn(project.warnings)
    if as_json:
        terminal.json(explanation.as_json())
    terminal.print(*explanation_lines(terminal, explanation))
    return 0


def explanation_lines(terminal: Terminal, explanation: Explanation) -> list[str]:
    """Return headline, causes with before and after, the chain to the root, and where today's value comes from."""
    step = explanation.step
    status = terminal.style(step.status, step.status)
    name = label(explanation.asset, explanation.partition)
    lines = [f"{terminal.style(name, 'title')} is {status}: {_ACTIONS[step.action]}"]
    for cause in step.causes:
        lines += ["", *_cause_lines(terminal, cause)]
    if step.problem and step.problem not in {cause.message for cause in step.causes}:
        lines += ["", *(f"  {terminal.style(line, 'failed')}" for line in step.problem.splitlines())]
    facts = _facts(explanation)
    return [*lines, "", *terminal.table(facts, cut=False)] if facts else lines


def _cause_lines(terminal: Terminal, cause: Cause) -> list[str]:
    place = f"  {terminal.style(cause.place, 'faint')}" if cause.place else ""
    lines = [f"  {cause_text(cause)}{place}"]
    if cause.diff:
        return lines + [f"      {_diff_line(terminal, line)}".rstrip() for line in cause.diff.splitlines()]
    for word, value in (("before", cause.before), ("after", cause.after)):
        if value is not None and one_line(value) not in cause.message:
            first, *rest = value.splitlines() or [""]
            lines.append(f"      {word:<6}  {first}")
            lines.extend(f"              {line}" for line in rest)
    return lines


def _diff_line(terminal: Terminal, line: str) -> str:
    if line.startswith(("---", "+++")):
        return terminal.style(line, "faint")
    return terminal.style(line, {"+": "added", "-": "removed", "@": "hunk"}.get(line[:1], ""))


def _facts(explanation: Explanation) -> list[list[Cell]]:
    facts: list[list[Cell]] = []
    if explanation.partitions:
        facts.append([("partitions", "faint"), counts_text(explanation.partitions)])
    is_fresh = explanation.step.status == "fresh"  # the chain is then that of the last build
    if len(explanation.chain) > 1 or (is_fresh and explanation.chain and explanation.chain[0].causes):
        causes = explanation.chain[-1].causes
        root = "; ".join(cause_text(cause) + (f", {cause.place}" if cause.place else "") for cause in causes)
        path = " <- ".join(link.asset for link in explanation.chain)
        facts.append([("built because" if is_fresh else "chain", "faint"), f"{path} ({root})" if root else path])
    if explanation.built is not None:
        run_id, at = explanation.built
        facts.append([("built", "faint"), f"{timestamp(at)}, {ago(at)}, run {run_id}"])
    if explanation.failed is not None:
        run_id, error = explanation.failed
        facts.append([("last try", "faint"), f"failed in run {run_id}: {one_line(error)}"])
    if explanation.accepted is not None:
        note = explanation.accepted
        by = f" by {note.author}" if note.author else ""
        facts.append([("accepted", "faint"), f"{timestamp(note.at)}{by}: {one_line(note.reason)}"])
    for widened in explanation.widened:
        place = f", {widened.file}:{widened.line}" if widened.file else ""
        facts.append([("widened", "faint"), f"{widened.subject}: {widened.reason}{place}"])
    return facts
