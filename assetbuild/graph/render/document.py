"""The graph as a document: nodes and edges, in topological order, for ``graph --json`` and other tools."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from assetbuild.declare.definitions import Out
from assetbuild.graph.model import Graph
from assetbuild.graph.render.excerpt import Excerpt, excerpt_of

__all__ = ["as_json"]


def as_json(graph: Graph, keys: Collection[str], statuses: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return nodes and edges as plain data; ``parameter`` is null where the value is not loaded."""
    excerpt = excerpt_of(graph, keys)
    return {
        "nodes": [_node(excerpt, key, statuses or {}) for key in excerpt.nodes],
        "edges": [
            {"upstream": edge.key, "downstream": key, "parameter": edge.parameter}
            for key in excerpt.assets
            for edge in excerpt.inputs[key]
        ],
    }


def _node(excerpt: Excerpt, key: str, statuses: Mapping[str, str]) -> dict[str, Any]:
    said = excerpt.declared(key)
    return {
        "key": key,
        "kind": "asset" if isinstance(said, Out) else "source",
        "group": said.group,
        "tags": dict(said.tags),
        "owners": list(said.owners),
        "description": said.description,
        "io_manager": said.io_manager if isinstance(said, Out) else None,
        "status": statuses.get(key),
        "partitions": excerpt.partitions(key),
    }
