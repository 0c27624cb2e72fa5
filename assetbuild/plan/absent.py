"""What is wrong with the partitions that an input reads: they do not exist, or they read themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from assetbuild.errors import Problem
from assetbuild.graph.model import Asset
from assetbuild.graph.places import relative_place
from assetbuild.plan.edges import Edge
from assetbuild.plan.states import AssetState, SourcePlaces

__all__ = ["reading_problems"]


def reading_problems(
    asset: Asset, edge: Edge, state: AssetState, places: Sequence[int], root: Path
) -> Iterator[Problem]:
    """Yield what is wrong with one input of an asset, for the places that a plan is about."""
    found = _mapping_problem(edge, state) or _absent_problem(edge, state, places)
    if found is not None:
        said, advice = found
        file, line = relative_place(asset.origin, root)
        mapping = edge.given.mapping.text if edge.given.mapping is not None else ""
        facts = (("by", f"parameter {edge.given.parameter!r}"), ("partitions", mapping))
        yield Problem(f"asset {asset.key!r} {said}", facts if edge.given.parameter else (), advice, file, line)


def _mapping_problem(edge: Edge, state: AssetState) -> tuple[str, str] | None:
    """Return why the mapping cannot be followed, and the advice; None when it can."""
    bound = edge.bound
    if bound is None or state.keys is None:
        return None
    if bound.unknown:
        advice = "Correct the names, or say Keys({...}, allow_missing=True)."
        return f"is mapped to {edge.given.key!r} by its partition {bound.unknown[0]!r}, which does not exist", advice
    if not edge.is_own:
        return None
    from assetbuild.graph.bound import first_not_earlier  # noqa: PLC0415  # only with partitions

    place = first_not_earlier(bound, state.size)
    if place is None:
        return None
    advice = "Read earlier partitions alone, such as Input(partitions=Offset(-1))."
    return f"reads itself: its partition {state.keys[place]!r} reads that one or a later one", advice


def _absent_problem(edge: Edge, state: AssetState, places: Sequence[int]) -> tuple[str, str] | None:
    """Return which partition is read that does not exist. Nothing read is an empty mapping, or None where allowed."""
    given, bound = edge.given, edge.bound
    if bound is None or bound.is_identity or edge.up.is_open or isinstance(edge.up, SourcePlaces):
        return None
    is_window = given.as_mapping and given.mapping is not None and given.mapping.kind in {"time", "offset"}
    if given.parameter is None or given.is_optional or is_window:
        return None
    wheres: Sequence[int | None] = (None,) if state.keys is None else places
    for where in wheres:
        if absent := bound.absent(where):
            own = f" for {state.key(where)!r}" if where is not None else ""
            advice = "Annotate the parameter '... | None' to get None there, or read other partitions."
            return f"reads partition {absent[0]!r} of {given.key!r}{own}, which does not exist", advice
    return None
