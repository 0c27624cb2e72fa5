"""Graphs for tests of selection and rendering, from a mapping of key to upstream keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assetbuild.declare.definitions import AssetDefinition, Origin, Out, SourceDefinition
from assetbuild.graph.model import Asset, AssetInput, Graph, Source

__all__ = ["graph_of", "shop"]

_HERE = Origin("shop/assets.py", 1)


def graph_of(
    upstream: Mapping[str, Sequence[str]],
    *,
    sources: Sequence[str] = (),
    said: Mapping[str, dict[str, Any]] | None = None,
    partitions: Mapping[str, Any] | None = None,
) -> Graph:
    """Return a graph; the mapping is in build order, and ``said`` gives groups, tags and so on by key."""
    said = said or {}
    assets = [_asset(key, up, said.get(key, {}), (partitions or {}).get(key)) for key, up in upstream.items()]
    definitions = [SourceDefinition(key=key, origin=_HERE, path=f"data/{key}", **said.get(key, {})) for key in sources]
    return Graph(assets, [Source(definition.key, definition) for definition in definitions])


def _asset(key: str, upstream: Sequence[str], said: dict[str, Any], partitions: Any) -> Asset:
    out = Out(key=key, **said)
    definition = AssetDefinition(function=_nothing, outs=(out,), multi=False, origin=_HERE, partitions=partitions)
    inputs = tuple(AssetInput(up, up.rpartition("/")[2]) for up in upstream)
    return Asset(key=key, out=out, definition=definition, siblings=(key,), inputs=inputs)


def _nothing() -> None:
    """Stand for an asset function."""


def shop() -> Graph:
    """Return the graph that most examples use.

    orders_csv (source) -> raw/orders -> orders -> totals -> report
    prices_csv (source) -> raw/prices -> prices -> totals
                                         prices -> price list
    """
    return graph_of(
        {
            "raw/orders": ["orders_csv"],
            "raw/prices": ["prices_csv"],
            "orders": ["raw/orders"],
            "prices": ["raw/prices"],
            "price list": ["prices"],
            "totals": ["orders", "prices"],
            "report": ["totals"],
        },
        sources=["orders_csv", "prices_csv"],
        said={
            "orders_csv": {"group": "raw"},
            "raw/orders": {"group": "raw", "tags": {"team": "ops", "pii": "yes"}},
            "raw/prices": {"group": "raw", "tags": {"team": "sales"}},
            "orders": {"tags": {"team": "ops"}, "io_manager": "duckdb"},
            "report": {"owners": ("ana@shop.example", "team:data"), "io_manager": "file"},
        },
    )
