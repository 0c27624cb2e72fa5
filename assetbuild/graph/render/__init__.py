"""Render: a part of the graph as text, Mermaid, JSON or SVG. In: a graph, keys, and statuses by key where known.

Each function shows the assets in ``keys`` and the sources that they read. Equal input gives equal bytes.
"""

from __future__ import annotations

from assetbuild.graph.render.document import as_json
from assetbuild.graph.render.mermaid import as_mermaid
from assetbuild.graph.render.svg import as_svg
from assetbuild.graph.render.tree import as_tree

__all__ = ["as_json", "as_mermaid", "as_svg", "as_tree"]
