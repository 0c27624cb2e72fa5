"""How a plan is told: what is not fresh and why, and what a build would do."""

from __future__ import annotations

from collections.abc import Iterable

from assetbuild.cli.formats import all_fresh, counted, counts_text, enumerated, none_listed, one_line
from assetbuild.cli.terminal import Cell, Terminal
from assetbuild.plan.model import Action, AssetPlan, Cause, Plan, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from assetbuild.project import Project

__all__ = ["STALE", "cause_text", "label", "plan_lines", "prediction_lines", "ranges", "show_status"]

STALE = 3
"""The exit code of ``--exit-code`` and ``--frozen`` when something is not fresh."""

_FEW = 8
_CAUSES_SHOWN = 3
_PARTITIONS_SHOWN = 3
_ORDER = ("stale", "missing", "pending", "fresh")


def show_status(  # noqa: PLR0913  # as the command has it
    terminal: Terminal,
    project: Project,
    selection: tuple[str, ...],
    *,
    everything: bool = False,
    exit_code: bool = False,
    partition: str | None = None,
    as_json: bool = False,
) -> int:
    """Say what is not fresh, and return the exit code."""
    plan = project.status(selection, partition=partition)
    terminal.warn((*project.warnings, *plan.warnings))
    if as_json:
        terminal.json(plan.as_json())
    if len(plan):
        terminal.print(*plan_lines(terminal, plan, everything=everything))
    else:
        terminal.print(none_listed(len(project.select(selection))))
    return STALE if exit_code and not plan.is_fresh else 0


def plan_lines(terminal: Terminal, plan: Plan, *, everything: bool = False) -> list[str]:
    """Return what is not fresh, asset by asset, and the counts; fresh assets when asked for or few."""
    if not len(plan):
        return [none_listed()]
    counts = plan.counts()
    if plan.is_fresh and not everything:
        return [all_fresh(len(plan.assets), len(plan))]
    fresh = [part for part in plan.assets if not part.decisions]
    shows_fresh = everything or len(fresh) <= _FEW
    rows = [row for part in plan.assets if part.decisions or shows_fresh for row in _part_rows(part)]
    if not shows_fresh:
        rows.append([("fresh", "fresh"), (f"{len(fresh):,} more", "faint")])
    total = counts_text({name: counts[name] for name in _ORDER if name in counts}, terminal.style)
    lines = [*terminal.table(rows, indent="  "), total]
    if plan.orphans:
        lines.append(f"no longer declared, and kept until 'assetbuild gc': {enumerated(plan.orphans, _FEW)}")
    if plan.widened:
        lines.append(f"code that cannot be followed exactly, see 'assetbuild doctor': {enumerated(plan.widened, _FEW)}")
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
        names, number = [], 0
        for part in plan.assets:
            places = [place for place, decision in part.decisions.items() if decision.action == action]
            if places:
                names.append(_places_label(part, places))
                number += len(places)
        if names:
            lines.append(f"{words} {_amount(number, plan)}{after}: {enumerated(names, _FEW)}")
    return lines


def _part_rows(part: AssetPlan) -> list[list[Cell]]:
    """Return the rows of one asset: of each partition where few are not fresh, else rolled up."""
    if part.keys is None or part.is_open:
        return [row for step in part for row in _rows(step)]
    if len(part) == 1 or (0 < len(part.decisions) <= _PARTITIONS_SHOWN and len(part.decisions) == len(part)):
        return [row for step in part for row in _rows(step)]
    counts = part.counts()
    worst = next(name for name in _ORDER if counts[name])
    said = [f"{counts['fresh']:,} of {len(part):,} fresh"]
    said += [f"{counts[name]:,} {name}{_kinds(part, name)}" for name in _ORDER if counts[name] and name != "fresh"]
    rows: list[list[Cell]] = [[(worst, worst), part.asset, ", ".join(said)]]
    groups = _groups(part)
    for (status, text), places in list(groups.items())[:_CAUSES_SHOWN]:
        rows.append(["", "", (f"{status} {_ranges(part, places)}: {text}", "faint")])
    if len(groups) > _CAUSES_SHOWN:
        more = sum(len(places) for places in list(groups.values())[_CAUSES_SHOWN:])
        rows.append(["", "", (f"and {more:,} more: assetbuild why {part.asset} --partition KEY", "faint")])
    return rows


def _groups(part: AssetPlan) -> dict[tuple[str, str], list[int]]:
    """Return the places that are not fresh by what there is to say about them, the worst first."""
    groups: dict[tuple[str, str], list[int]] = {}
    for place, decision in sorted(part.decisions.items()):
        first = decision.causes[0] if decision.causes else None
        text = "" if first is None else cause_text(first)
        if first is not None and first.kind in {"data", "upstream"} and "[" in text:
            text = f"{first.kind} of {first.subject}" if first.kind == "data" else f"after {first.subject}"
        if len(decision.causes) > 1:
            text += f" and {len(decision.causes) - 1} more"
        groups.setdefault((decision.status, text), []).append(place)
    return dict(sorted(groups.items(), key=lambda group: _ORDER.index(group[0][0])))


def _kinds(part: AssetPlan, status: str) -> str:
    decisions = {id(found): found for found in part.decisions.values() if found.status == status}.values()
    kinds = sorted({cause.kind for found in decisions for cause in found.causes} - {"missing", "upstream"})
    return f" ({', '.join(kinds)})" if kinds else ""


def ranges(part: AssetPlan, keys: Iterable[str]) -> str:
    """Return partition keys of an asset as people write them: ``2013-01-01..2013-03-31, 2013-04-02``."""
    assert part.keys is not None  # noqa: S101  # the caller asks for an asset with partitions
    index_of = getattr(part.keys, "index_of", part.keys.index)
    return _ranges(part, [index_of(key) for key in keys])


def _ranges(part: AssetPlan, places: list[int]) -> str:
    from assetbuild.declare.partitions import ranges_text  # noqa: PLC0415  # only where there are partitions

    return ranges_text(part.keys, places)  # type: ignore[arg-type]  # any sequence of keys will do


def _places_label(part: AssetPlan, places: list[int]) -> str:
    return part.asset if part.keys is None or part.is_open else f"{part.asset}[{_ranges(part, places)}]"


def _amount(number: int, plan: Plan) -> str:
    """Return a number of assets, or of partitions where any of them has some."""
    if any(part.keys is not None for part in plan.assets):
        return f"{number:,} of {len(plan):,}"
    return counted(number, "asset")


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
