"""The graph as a Mermaid flowchart: groups are subgraphs, partitioned assets boxes with double sides.

Statuses are classes, and edges of ``deps=`` dotted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from assetbuild.graph.model import Graph
from assetbuild.graph.render.excerpt import Excerpt, excerpt_of

__all__ = ["as_mermaid"]

_STYLES = {
    "fresh": "fill:#dcf5e3,stroke:#1a7f37,color:#0b3d1a",
    "stale": "fill:#fff3cd,stroke:#b7791f,color:#4d3200",
    "missing": "fill:#fde2e1,stroke:#c0362c,color:#5c130d",
    "pending": "fill:#e0ecff,stroke:#2f6fde,color:#0d2c66",
}


def as_mermaid(graph: Graph, keys: Collection[str], statuses: Mapping[str, str] | None = None) -> str:
    """Return the text of a flowchart, as GitHub and notebooks show it."""
    excerpt = excerpt_of(graph, keys)
    names = {key: f"n{at}" for at, key in enumerate(excerpt.nodes)}
    by_group: dict[str | None, list[str]] = {None: []}
    for key in excerpt.nodes:
        by_group.setdefault(excerpt.declared(key).group, []).append(key)
    lines = ["flowchart LR"]
    for at, (group, members) in enumerate(by_group.items()):
        indent = "  " if group is None else "    "
        boxes = [f"{indent}{names[key]}{_boxed(excerpt, key)}" for key in members]
        lines += boxes if group is None else [f"  subgraph g{at}[{_quoted(group)}]", *boxes, "  end"]
    for (upstream, downstream), loaded in excerpt.edges().items():
        lines.append(f"  {names[upstream]} {'-->' if loaded else '-.->'} {names[downstream]}")
    for status, style in _STYLES.items():
        members = [names[key] for key in excerpt.nodes if (statuses or {}).get(key) == status]
        if members:
            lines += [f"  classDef {status} {style}", f"  class {','.join(members)} {status}"]
    return "\n".join(lines) + "\n"


def _boxed(excerpt: Excerpt, key: str) -> str:
    if key in excerpt.graph.sources:
        return f"[({_quoted(key)})]"
    return f"({_quoted(key)})" if excerpt.partitions(key) is None else f"[[{_quoted(key)}]]"


def _quoted(text: str) -> str:
    # Inside quotation marks Mermaid reads entities, written with '#', and a leading backtick as Markdown.
    return '"' + re.sub(r'["#&<>`\\]', lambda found: f"#{ord(found[0])};", text) + '"'
