"""The graph as lines of text: final assets first, and below each what lies upstream of it, as 'cargo tree' does."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping

from assetbuild.graph.model import Graph
from assetbuild.graph.render.excerpt import Excerpt, excerpt_of

__all__ = ["as_tree"]

_DEEPEST = 24  # Deeper branches go on as a tree of their own, or a chain of 5,000 assets would be 37 MB of indentation.


def as_tree(graph: Graph, keys: Collection[str], statuses: Mapping[str, str] | None = None) -> str:
    """Return the tree; each asset is opened once, and '(above)' marks it where it comes again."""
    excerpt = excerpt_of(graph, keys)
    used = {up for key in excerpt.assets for up in excerpt.upstream(key)}
    roots = deque(key for key in excerpt.nodes if key not in used)
    opened: set[str] = set()
    lines: list[str] = []
    while roots:
        root = roots.popleft()
        if root not in opened:
            _branch(excerpt, root, statuses or {}, opened, roots, lines)
    return "".join(f"{line}\n" for line in lines)


def _branch(
    excerpt: Excerpt, root: str, statuses: Mapping[str, str], opened: set[str], roots: deque[str], lines: list[str]
) -> None:
    # (key, what stands before its own mark, its mark, depth): a stack, because a long chain would exhaust Python's.
    waiting = [(root, "", "", 0)]
    while waiting:
        key, indent, mark, depth = waiting.pop()
        upstream = excerpt.upstream(key)
        notes = ["source"] if key in excerpt.graph.sources else []
        notes += ["partitioned"] if excerpt.partitions(key) is not None else []
        notes += [statuses[key]] if key in statuses else []
        if upstream and key in opened:
            notes.append("above")
        elif upstream and depth == _DEEPEST:
            notes.append("below")
            roots.append(key)
        else:
            opened.add(key)
            inside = indent + {"": "", "├── ": "│   ", "└── ": "    "}[mark]
            last = len(upstream) - 1
            waiting += [
                (up, inside, "└── " if at == last else "├── ", depth + 1) for at, up in reversed([*enumerate(upstream)])
            ]
        lines.append(f"{indent}{mark}{key}" + (f"  ({', '.join(notes)})" if notes else ""))
