"""What the ``on=`` conditions of assets leave to be built: at a change, and at a tick.

    on=None, "eager"     at a change: whenever it is stale
    on="missing"         at a change, when it has no value; of partitions, those that have none
    on=cron(...)         at these ticks only
    on=freshness(...)    when the last look is so long ago

An asset that waits for its own time is not built because something downstream of it is: that is built on the value
which is there, or, when there is none, waits too. ``materialize`` knows nothing of conditions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assetbuild.declare.automation import OnCron, OnFreshness
from assetbuild.graph.model import Graph
from assetbuild.project import Project

__all__ = ["buildable", "lacking_partitions", "on_change", "timed_assets"]


def timed_assets(graph: Graph) -> dict[str, OnCron | OnFreshness]:
    """Return the assets that are built at their own times."""
    found = {key: asset.definition.on for key, asset in graph.assets.items() if asset.definition.on is not None}
    return {key: on for key, on in found.items() if isinstance(on, (OnCron, OnFreshness))}


def on_change(project: Project, selection: Sequence[str]) -> tuple[tuple[str, ...], bool] | None:
    """Return what a change may build, as (selection, only) for ``materialize``; None when nothing.

    Without conditions that is the selection; it costs nothing then.
    """
    if all(asset.definition.on in {None, "eager"} for asset in project.graph.assets.values()):
        return tuple(selection), False
    keys, only = buildable(project, project.select(selection))
    if not only:
        return tuple(selection), False
    return (tuple(sorted(keys)), True) if keys else None


def lacking_partitions(project: Project, selection: Sequence[str]) -> frozenset[str]:
    """Return the assets with ``on="missing"`` that have some of their partitions, and lack others."""
    graph = project.graph
    asked = {key for key, asset in graph.assets.items() if asset.definition.on == "missing" and asset.partitions}
    if not asked:
        return frozenset()
    keys, _ = buildable(project, project.select(selection))
    steps = project.status(selection).steps
    some = {step.asset for step in steps if step.status != "missing"}
    lacking = {step.asset for step in steps if step.status == "missing"} & some & asked
    ready = keys | some
    return frozenset(key for key in lacking if all(up in ready or up in graph.sources for up in graph.upstream(key)))


def buildable(
    project: Project, wanted: Iterable[str], due: frozenset[str] = frozenset()
) -> tuple[frozenset[str], bool]:
    """Return which assets may be built now for the wanted ones, and whether exactly these.

    ``due`` are the assets whose own time it is. False means that nothing is held back: the wanted assets are built
    with all that is stale upstream of them.
    """
    graph = project.graph
    wanted = frozenset(wanted)
    closure = graph.closure(wanted)
    held = {key for key in closure if graph.assets[key].definition.on not in {None, "eager"}} - due
    if not held:
        return wanted, False
    lacking = _without_value(project, wanted)
    held = {key for key in held if graph.assets[key].definition.on != "missing" or key not in lacking}
    waiting: set[str] = set()
    for key in graph.assets:  # in build order
        if key in closure and (key in lacking if key in held else not waiting.isdisjoint(graph.upstream(key))):
            waiting.add(key)
    return closure - held - waiting, True


def _without_value(project: Project, wanted: frozenset[str]) -> frozenset[str]:
    """Return the assets, of the wanted ones and upstream of them, that have no value at all."""
    steps = project.status(sorted(wanted)).steps
    return frozenset({step.asset for step in steps}) - {step.asset for step in steps if step.status != "missing"}
