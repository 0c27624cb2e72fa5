"""Excerpt: the part of a graph that a rendering shows, in the order in which it shows it."""

from __future__ import annotations

from collections.abc import Collection

from assetbuild.dataclass import dataclass
from assetbuild.declare.definitions import Out, SourceDefinition
from assetbuild.graph.model import AssetInput, Graph

__all__ = ["Excerpt", "excerpt_of"]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Sources, assets in build order, and the edges among them by their downstream asset."""

    graph: Graph
    sources: tuple[str, ...]
    assets: tuple[str, ...]
    inputs: dict[str, tuple[AssetInput, ...]]

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every key, each behind what lies upstream of it."""
        return self.sources + self.assets

    def upstream(self, key: str) -> tuple[str, ...]:
        """Return the direct upstream keys that are shown, each once."""
        return tuple(dict.fromkeys(edge.key for edge in self.inputs.get(key, ())))

    def edges(self) -> dict[tuple[str, str], bool]:
        """Return (upstream, downstream), each once, and whether the value is loaded; False for ``deps=`` alone."""
        found: dict[tuple[str, str], bool] = {}
        for key, inputs in self.inputs.items():
            for edge in inputs:
                found[edge.key, key] = found.get((edge.key, key), False) or edge.parameter is not None
        return found

    def declared(self, key: str) -> Out | SourceDefinition:
        """Return what was said about an asset or source."""
        asset = self.graph.assets.get(key)
        return asset.out if asset is not None else self.graph.sources[key].definition

    def partitions(self, key: str) -> str | None:
        """Return the partitions definition of an asset or source as text; None without one."""
        node = self.graph.assets.get(key) or self.graph.sources[key]
        return None if node.partitions is None else node.partitions.describe()


def excerpt_of(graph: Graph, keys: Collection[str]) -> Excerpt:
    """Return the part of the graph with these assets and the sources that they read."""
    chosen = set(keys)
    assets = tuple(key for key in graph.assets if key in chosen)
    read = {up for key in assets for up in graph.upstream(key) if up in graph.sources}
    sources = tuple(sorted(read | (chosen & graph.sources.keys())))
    shown = {*sources, *assets}
    inputs = {key: tuple(edge for edge in graph.assets[key].inputs if edge.key in shown) for key in assets}
    return Excerpt(graph, sources, assets, inputs)
