"""The lines of a running build: what finished, with what, and why it ran.

The same lines go to a pipe, to a file and above the live view of a terminal (``live.py``).
"""

from __future__ import annotations

import shlex

from assetbuild.cli.formats import (
    all_fresh,
    cell_width,
    clip,
    counted,
    counts_text,
    duration,
    enumerated,
    last_line,
    none_listed,
    padded,
    size,
)
from assetbuild.cli.plans import cause_text, label, prediction_lines, ranges
from assetbuild.cli.terminal import Terminal
from assetbuild.dataclass import dataclass, field
from assetbuild.materialize.events import (
    AssetFinished,
    AssetRetried,
    Event,
    RunPlanned,
    RunStarted,
    RunStopping,
    Waiting,
)
from assetbuild.materialize.report import Outcome, Outcomes, Report
from assetbuild.plan.model import AssetPlan, Plan

__all__ = ["BuildLines", "stopping_line", "summary_lines"]

_NAME_CELLS = 40
_TOOK_CELLS = 8
_AMOUNT_CELLS = 12
_QUIET_SHOWN = 10  # lines for assets that did not run; a failure at the root of 5,000 assets skips them all
_ERRORS_SHOWN = 20
_NAMES_SHOWN = 8
_PARTITIONS_SHOWN = 8
_CAUSES_SHOWN = 2


@dataclass
class _Roll:
    """The outcomes of an asset's partitions, which are too many for a line each."""

    part: AssetPlan
    left: int
    done: dict[str, tuple[list[str], float, str]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.left -= 1
        keys, seconds, text = self.done.get(outcome.outcome, ([], 0.0, _why_skipped(outcome) or _causes(outcome)))
        keys.append(outcome.partition or "")
        self.done[outcome.outcome] = (keys, seconds + outcome.seconds, text)


def stopping_line(event: RunStopping) -> str:
    """Return what is said after the first Ctrl-C."""
    if not event.assets:
        return "stopping"
    named = enumerated(event.assets, _NAMES_SHOWN)
    return f"stopping: {named} may finish within {event.grace_s:g} seconds; press Ctrl-C again to end now"


@dataclass
class BuildLines:
    """Turns the events of one build into lines, and prints them."""

    terminal: Terminal
    width: int = 0
    planned: frozenset[tuple[str, str | None]] = frozenset()
    run_id: str = "last"
    quiet: dict[str, int] = field(default_factory=lambda: {"skipped": 0, "fresh": 0})
    failed: int = 0
    told: str | None = None
    """The last error: outputs of one call, and partitions, often fail by the same."""
    rolled: dict[str, _Roll] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        """Print what there is to say about an event."""
        if isinstance(event, Waiting):
            self.terminal.note(f"waiting for another build: {event.holder}")
        elif isinstance(event, RunStopping):
            self.terminal.note(stopping_line(event))
        elif lines := self.lines(event):
            self.terminal.print(*lines)

    def close(self) -> None:
        """Say how many lines were left out."""
        self.terminal.print(*self.left_out())

    def lines(self, event: Event) -> list[str]:
        """Return the lines for an event, mostly none."""
        if isinstance(event, RunStarted):
            self.run_id = event.run_id
        elif isinstance(event, RunPlanned):
            return self._planned(event.plan)
        elif isinstance(event, AssetRetried):
            what = f"attempt {event.attempt} failed: {last_line(event.error)}"
            return [self._line("retry", label(event.asset, event.partition), "", "", what)]
        elif isinstance(event, AssetFinished):
            return self._finished(event.outcome)
        return []

    def left_out(self) -> list[str]:
        """Return a line for each outcome that got too many, and for partitions of which some were not reached."""
        lines = [line for roll in self.rolled.values() for line in self._roll_lines(roll)]
        self.rolled.clear()
        return lines + [
            self._line(outcome, f"{number - _QUIET_SHOWN:,} more", "", "", "")
            for outcome, number in self.quiet.items()
            if number > _QUIET_SHOWN
        ]

    def _planned(self, plan: Plan) -> list[str]:
        parts = [part for part in plan.assets if part.decisions]
        steps = [step for part in parts for step in part if step.status != "fresh"]
        self.planned = frozenset((step.asset, step.partition) for step in steps)
        many = [part for part in parts if part.keys is not None and len(part.decisions) > _PARTITIONS_SHOWN]
        self.rolled = {part.asset: _Roll(part, len(part.decisions)) for part in many}
        few = (label(step.asset, step.partition) for step in steps if step.asset not in self.rolled)
        self.width = min(max(map(cell_width, (*few, *self.rolled)), default=0), _NAME_CELLS)
        return prediction_lines(plan) if many else []

    def _finished(self, outcome: Outcome) -> list[str]:
        name = label(outcome.asset, outcome.partition)
        if outcome.outcome != "failed" and (roll := self.rolled.get(outcome.asset)) is not None:
            return self._rolled(roll, outcome)
        if (roll := self.rolled.get(outcome.asset)) is not None:
            roll.left -= 1
        if outcome.outcome == "failed":
            self.failed += 1
            line = self._line("failed", name, duration(outcome.seconds), "", _tries(outcome))
            error = (outcome.error or "").rstrip().splitlines()
            is_new, self.told = outcome.error != self.told, outcome.error
            return [line, *_block(error if is_new and self.failed <= _ERRORS_SHOWN else error[-1:])]
        if outcome.outcome in self.quiet:
            if outcome.outcome == "fresh" and (outcome.asset, outcome.partition) not in self.planned:
                return []
            self.quiet[outcome.outcome] += 1
            if self.quiet[outcome.outcome] > _QUIET_SHOWN:
                return []
            why = _why_skipped(outcome) if outcome.outcome == "skipped" else "its inputs came out equal"
            return [self._line(outcome.outcome, name, "", "", why)]
        return [self._line(outcome.outcome, name, duration(outcome.seconds), _amount(outcome), _causes(outcome))]

    def _rolled(self, roll: _Roll, outcome: Outcome) -> list[str]:
        if (outcome.asset, outcome.partition) not in self.planned:
            return []
        roll.add(outcome)
        if roll.left:
            return []
        del self.rolled[outcome.asset]
        return self._roll_lines(roll)

    def _roll_lines(self, roll: _Roll) -> list[str]:
        """Return one line for each outcome of an asset's partitions."""
        lines = []
        for outcome, (keys, seconds, text) in roll.done.items():
            took = duration(seconds) if outcome in {"built", "restored"} else ""
            said = ranges(roll.part, keys) + (f"  {text}" if text else "")
            lines.append(self._line(outcome, roll.part.asset, took, counted(len(keys), "partition"), said))
        return lines

    def _line(self, outcome: str, name: str, took: str, amount: str, text: str) -> str:
        head = (
            f"{padded(name, self.width)}  {took:>{_TOOK_CELLS}}  {amount:>{_AMOUNT_CELLS}}".rstrip()
            if took
            else padded(name, self.width)
        )
        start = f"  {padded(outcome, 8)}  "
        left = None if self.terminal.width is None else max(self.terminal.width - len(start) - cell_width(head) - 2, 12)
        shown = text if left is None else clip(text, left)
        return f"  {self.terminal.style(padded(outcome, 8), outcome)}  {head}  {shown}".rstrip()


def summary_lines(terminal: Terminal, report: Report) -> list[str]:
    """Return the end of a build: what failed and where to read on, and counts that add up to all assets."""
    counts = report.counts()
    total = len(report.assets)
    if total == 0:
        return [none_listed()]
    if report.status == "success" and counts == {"fresh": total}:
        number = report.assets.asset_count if isinstance(report.assets, Outcomes) else total
        return [all_fresh(number, total)]
    lines = []
    failed = [outcome for outcome in report.acted if outcome.outcome == "failed"]
    if failed:
        names = enumerated((label(outcome.asset, outcome.partition) for outcome in failed), _NAMES_SHOWN)
        lines += [f"failed: {names}", f"more: assetbuild logs {report.run_id} {shlex.quote(failed[0].asset)}"]
    how = terminal.style("interrupted: ", "interrupted") if report.status == "interrupted" else ""
    return [*lines, f"{how}{counts_text(counts, terminal.style)} in {duration(report.seconds)}"]


def _amount(outcome: Outcome) -> str:
    if outcome.rows is not None:
        return counted(outcome.rows, "row")
    return "" if outcome.size_bytes is None else size(outcome.size_bytes)


def _causes(outcome: Outcome) -> str:
    said = [cause_text(cause) for cause in outcome.causes[:_CAUSES_SHOWN]]
    if len(outcome.causes) > _CAUSES_SHOWN:
        said.append(f"and {len(outcome.causes) - _CAUSES_SHOWN} more")
    return "; ".join(said)


def _tries(outcome: Outcome) -> str:
    return f"after {outcome.attempts} attempts" if outcome.attempts > 1 else ""


def _why_skipped(outcome: Outcome) -> str:
    return last_line(outcome.error) if outcome.error else _causes(outcome)


def _block(lines: list[str]) -> list[str]:
    return [f"      {line}".rstrip() for line in lines]
