"""``--only``: what is upstream of the selection is not built, so its current values have to do."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from assetbuild.errors import Problem, UsageError
from assetbuild.graph.model import Graph
from assetbuild.plan.states import AssetState, places_in

__all__ = ["check_only"]


def check_only(
    graph: Graph, selected: AbstractSet[str], closure: AbstractSet[str], states: Mapping[str, AssetState]
) -> tuple[str, ...]:
    """Return a warning for each asset whose stale value is read; raise UsageError where there is none to read."""
    problems = []
    left_out = {up for key in selected for up in graph.upstream(key) if up in graph.assets} - selected
    for key in sorted(left_out):
        state = states[key]
        missing = [place for place in places_in(state.wanted) if not state.known[place]]
        if missing:
            readers = ", ".join(sorted(set(graph.downstream(key)) & selected))
            name = key if state.keys is None else f"{key}[{state.key(missing[0])}]"
            problems.append(
                Problem(
                    f"upstream {name!r} was never built, and --only leaves it out",
                    (("needed by", readers),),
                    f"Build it too: drop --only, or select '{key}'.",
                )
            )
    if problems:
        raise UsageError(*problems)
    return tuple(
        f"upstream {key!r} is {_worst(states[key])}; --only builds on its current value"
        for key in graph.assets
        if key in closure and key not in selected and states[key].decisions
    )


def _worst(state: AssetState) -> str:
    statuses = {decision.status for decision in state.decisions.values()}
    return next(status for status in ("stale", "missing", "pending", "fresh") if status in statuses)
