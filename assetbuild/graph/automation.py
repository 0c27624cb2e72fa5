"""Check sensors, schedules and the conditions of assets; every problem is reported with those of the graph.

In: their definitions, and a graph of all assets. Out: the automations by name. Imported only where there are any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from assetbuild.dataclass import replace
from assetbuild.declare.automation import AutomationDefinition, OnCron, OnFreshness, ScheduleDefinition
from assetbuild.declare.cron import cron_problem
from assetbuild.declare.definitions import AssetDefinition, Origin
from assetbuild.errors import UsageError
from assetbuild.graph.model import Graph
from assetbuild.graph.selection import select

__all__ = ["check_automations", "check_selection", "kind_of", "without_functions"]

Note = Callable[..., None]
"""Takes a headline, the origin, facts, and ``advice=``."""

_WORDS = ("eager", "missing")
_CRON_ADVICE = "Write minute, hour, day of month, month and day of week, as in '30 6 * * MON-FRI'."


def kind_of(definition: AutomationDefinition) -> str:
    """Return ``sensor`` or ``schedule``."""
    return "schedule" if isinstance(definition, ScheduleDefinition) else "sensor"


def check_automations(
    definitions: Sequence[AutomationDefinition],
    assets: Iterable[AssetDefinition],
    graph: Graph,
    note: Note,
    shown_place: Callable[[Origin], str],
) -> Mapping[str, AutomationDefinition]:
    """Return the sensors and schedules by name; note every problem with them and with the conditions of assets."""
    places: dict[str, list[Origin]] = {}
    for definition in definitions:
        _check(definition, graph, note)
        places.setdefault(definition.name, []).append(definition.origin)
    for name, origins in sorted(places.items()):
        if len(origins) > 1:
            note(
                f"sensor or schedule {name!r} is declared {len(origins)} times",
                origins[-1],
                *(("also at", shown_place(origin)) for origin in origins[:-1]),
                advice="Rename one of them, or give it another name=.",
            )
    for asset in assets:
        _check_condition(asset, note)
    return {definition.name: definition for definition in sorted(definitions, key=lambda item: item.name)}


def check_selection(graph: Graph, selection: Sequence[str]) -> frozenset[str]:
    """Return the assets that a selection means, whatever their status; raise UsageError when it cannot be read."""
    return select(graph, selection, verdicts=dict)


def _check(definition: AutomationDefinition, graph: Graph, note: Note) -> None:
    name = f"{kind_of(definition)} {definition.name!r}"
    for problem in definition.problems:
        note(f"{name}: {problem}", definition.origin, advice="Mend the declaration.")
    if not isinstance(definition.name, str) or not definition.name.strip() or not definition.name.isprintable():
        note(f"{name}: the name is no text that can be shown", definition.origin, advice="Give it another name=.")
    if isinstance(definition, ScheduleDefinition) and (problem := cron_problem(definition.cron, definition.timezone)):
        note(f"{name}: {problem}", definition.origin, advice=_CRON_ADVICE)
    try:
        check_selection(graph, definition.selection)
    except UsageError as error:
        for found in error.problems:
            note(f"{name}: {found.headline}", definition.origin, *found.facts, advice=found.advice)


def _check_condition(asset: AssetDefinition, note: Note) -> None:
    on: Any = asset.on
    problem, advice = "", "Write on='eager', 'missing', cron('0 6 * * *') or freshness('6h')."
    if isinstance(on, OnCron):
        problem, advice = cron_problem(on.cron, on.timezone), _CRON_ADVICE
    elif isinstance(on, OnFreshness):
        problem = on.problem
    elif on is not None and not (isinstance(on, str) and on in _WORDS):
        problem = f"on={on!r} is not known"
    if problem:
        keys = ", ".join(repr(out.key) for out in asset.outs)
        note(f"asset {keys}: {problem}", asset.origin, advice=advice)


def without_functions(
    automations: Mapping[str, AutomationDefinition], stand_in: Callable[[str], Any]
) -> list[AutomationDefinition]:
    """Return the automations with something that can be pickled where the users' functions are."""
    return [
        definition if definition.function is None else replace(definition, function=stand_in(definition.name))
        for definition in automations.values()
    ]
