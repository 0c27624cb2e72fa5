"""Find what is fresh, or was never built, without a doubt, thousands at a time: places of one asset, and whole assets.

Of what is fresh the build keys, computed from the versions of the inputs, are those of the pointers, and the stamps of
the values have not moved. Whatever is left is judged one by one (``judge.py``), so an oversight here costs time and
nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from assetbuild.fingerprint.recipe import key_of
from assetbuild.graph.model import Asset
from assetbuild.plan.edges import Edge
from assetbuild.plan.facts import Facts
from assetbuild.plan.model import Cause, Decision
from assetbuild.plan.states import AssetState, SourcePlaces
from assetbuild.record.model import Standing
from assetbuild.record.pointers import Place

__all__ = ["PlainAssets", "settle_fresh", "settle_never_built"]


def settle_fresh(  # noqa: PLR0913, PLR0917  # what is compared with what
    facts: Facts,
    asset: Asset,
    state: AssetState,
    edges: Sequence[Edge],
    stem: bytes,
    places: Sequence[int],
    lost: set[Place],
) -> list[int]:
    """Settle the version of every place that is surely fresh; return the others."""
    standing = facts.pointers.standing(asset.key)
    if not standing:
        return list(places)
    left: list[int] = []
    matching: list[int] = []
    found: list[Standing] = []
    versions_of = _reader(edges, state)
    for place in places:
        key = state.key(place)
        known = standing.get(key)
        if (
            known is not None
            and (versions := versions_of(place)) is not None
            and key_of(stem, versions, key) == known[1]
        ):
            matching.append(place)
            found.append(known)
        else:
            left.append(place)
    for place, known, is_untouched in zip(matching, found, facts.outputs.untouched(asset.key, found), strict=True):
        if is_untouched and (not lost or (asset.key, state.key(place)) not in lost):
            state.settle(place, known[2])
        else:
            left.append(place)
    left.sort()
    return left


def settle_never_built(
    facts: Facts, group: Sequence[AssetState], edges: Mapping[str, Sequence[Edge]], places: Sequence[int]
) -> Sequence[int]:
    """Decide on the places of one function where nothing was ever built, and nothing can be said against building it.

    Return the others.
    """
    state = group[0]
    if len(places) < 2 or state.is_open:  # noqa: PLR2004  # one is judged by itself
        return places
    for each in group:
        for edge in edges[each.asset]:
            if isinstance(edge.up, SourcePlaces) and (edge.up.problem_text or edge.up.problems or not _is_whole(edge)):
                return places
    built: set[str | None] = set()
    for each in group:
        built |= facts.pointers.keys(each.asset) | facts.record.traced_partitions(each.asset)
    before = [place for place in places if state.key(place) in built] if built else []
    never = [place for place in places if state.key(place) not in built] if built else places
    for each in group:
        decision = Decision("missing", "run", (Cause("missing", each.asset, message="never built"),))
        each.decisions.update(dict.fromkeys(never, decision))
    return before


def _is_whole(edge: Edge) -> bool:
    """Return whether every place finds the partitions of a source that it reads."""
    return edge.bound is None or edge.bound.is_identity


def _reader(edges: Sequence[Edge], state: AssetState) -> Callable[[int], bytes | None]:
    """Return a function that gives the versions of the inputs for a place; None where one is not known."""
    if state.keys is None or all(edge.bound is None for edge in edges):
        constant = _versions(edges, None)
        return lambda _place: constant
    if len(edges) == 1 and edges[0].is_aligned:
        known, versions = edges[0].up.known, edges[0].up.versions
        return lambda place: bytes(versions[16 * place : 16 * place + 16]) if known[place] else None
    return lambda place: _versions(edges, place)


def _versions(edges: Sequence[Edge], place: int | None) -> bytes | None:
    versions = []
    for edge in edges:
        version = edge.packed(place)
        if version is None:
            return None
        versions.append(version)
    return b"".join(versions)


class PlainAssets:
    """Settles assets without partitions that read their inputs whole: most assets of most projects."""

    def __init__(
        self, facts: Facts, states: Mapping[str, AssetState], forced: frozenset[str], lost: set[Place]
    ) -> None:
        """Take the facts, and what is known of each asset of a plan."""
        self._facts = facts
        self._states = states
        self._forced = forced
        self._lost = lost

    def settle_fresh(self, key: str) -> bool:
        """Settle an asset that is surely fresh; return whether it is."""
        state = self._states[key]
        facts = self._facts
        reads = facts.plain(key)
        if reads is None or len(facts.graph.siblings[key]) > 1 or not state.wanted[0]:
            return False
        standing = facts.pointers.plain_standing(key)
        if standing is None or key in self._forced or (key, None) in self._lost:
            return False
        versions = []
        for name in reads:
            up = self._states.get(name) or facts.keys.of_source(facts.graph.sources[name])
            if up.keys is not None or up.is_open or not up.known[0]:
                return False
            if isinstance(up, SourcePlaces) and up.problem(0):
                return False
            versions.append(bytes(up.versions))
        if key_of(facts.stem(key), b"".join(versions), None) != standing[1] or not facts.outputs.is_untouched(
            key, standing
        ):
            return False
        state.settle(0, standing[2])
        return True
