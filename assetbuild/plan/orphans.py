"""Values that are materialized and no longer declared: of assets that are gone, and of partitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from assetbuild.graph.model import Asset
from assetbuild.plan.facts import Facts
from assetbuild.plan.states import AssetState

__all__ = ["orphans_of"]


def orphans_of(facts: Facts, states: Mapping[str, AssetState]) -> tuple[str, ...]:
    """Return what has a value but is not declared any more, by name; of assets without a state only whole ones."""
    graph, pointers = facts.graph, facts.pointers
    known = pointers.assets()
    found = list(known - set(graph.assets))
    for key in graph.assets:
        # Of what has no partitions now there may be values from when it had some.
        if key in known and (facts.plain(key) is None or pointers.is_partitioned(key)):
            found.extend(_dropped(facts, graph.assets[key], states.get(key)))
    return tuple(sorted(found))


def _dropped(facts: Facts, asset: Asset, state: AssetState | None) -> Iterator[str]:
    """Yield the partitions of an asset that have a value and are no longer in its key set."""
    if asset.partitions is None:
        if facts.pointers.is_partitioned(asset.key):
            yield from (f"{asset.key}[{key}]" for key in facts.pointers.of(asset.key) if key is not None)
    elif state is not None and state.keys is not None:
        index_of = state.keys.index_of
        for key in facts.pointers.keys(asset.key):
            if key is None or index_of(key) is None:
                yield asset.key if key is None else f"{asset.key}[{key}]"
