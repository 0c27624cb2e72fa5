"""The graph of code units, and hashes over it that do not depend on where a walk started.

A node says something of its own and points to other nodes by label. Its
version is the hash of both. Functions that call each other form a cycle; its
nodes are hashed together by colour refinement: each node starts with the hash
of what it says itself and is refined by its neighbours' colours until no more
nodes can be told apart (Cardon and Crochemore, 1982; components by Tarjan,
1972). Two cycles that mean the same get the same versions, whatever the names
of their modules and whichever function was met first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from assetbuild.fingerprint.code.normalise import NOTHING
from assetbuild.fingerprint.encoding import SCHEME, digest, hash_bytes

if TYPE_CHECKING:
    from assetbuild.errors import Problem
    from assetbuild.fingerprint.code.model import CodePart, Widened

__all__ = ["Node", "reachable", "set_versions"]

_NO_NAMES: Final[frozenset[str]] = frozenset()
"""One for all nodes: of an empty set made anew each is another object."""


class Node:
    """One unit of code or one value: what it says itself (``own``) and what its names stand for (``edges``).

    Edges of one label are unordered. ``kind`` "link" and "external" are not shown as parts.
    """

    __slots__ = (
        "edges",
        "env",
        "file",
        "kind",
        "line",
        "module",
        "name",
        "own",
        "packages",
        "part",
        "part_version",
        "problems",
        "reads",
        "text",
        "version",
        "widened",
    )

    def __init__(self, kind: str, name: str = "", module: str = "", own: str = "") -> None:
        """Take what the node is; whoever builds it fills in the rest."""
        self.kind = kind
        self.name = name
        self.module = module
        self.own = own
        self.edges: list[tuple[str, Node]] = []
        self.file: str | None = None
        self.line: int | None = None
        self.text = ""
        self.env = _NO_NAMES
        self.packages: dict[str, str] = {}
        self.reads = NOTHING
        self.widened: list[Widened] = []
        self.problems: list[Problem] = []
        self.version = ""
        self.part_version = ""
        self.part: CodePart | None = None

    def point(self, label: str, node: Node | None) -> None:
        """Add an edge; None, for what cannot be known, adds nothing."""
        if node is not None:
            self.edges.append((label, node))

    @property
    def full_name(self) -> str:
        """Module and name, for telling nodes apart within one project."""
        return f"{self.module}:{self.name}"


def reachable(*roots: Node) -> list[Node]:
    """Return the nodes that the roots reach, themselves first, in the order of the source."""
    found: dict[int, Node] = {}
    waiting = list(reversed(roots))
    while waiting:
        node = waiting.pop()
        if id(node) not in found:
            found[id(node)] = node
            waiting.extend(target for _, target in reversed(node.edges) if id(target) not in found)
    return list(found.values())


def set_versions(root: Node) -> None:
    """Compute the version of every node that the root reaches and that has none yet."""
    if not root.version:
        for component in _components(root):
            _set_component(component)


def _set_component(component: list[Node]) -> None:
    if len(component) == 1 and all(target is not component[0] for _, target in component[0].edges):
        component[0].version = _colour(component[0], {})
        return
    colours = {id(node): digest("code-own", [node.kind, node.own]) for node in component}
    different = len(set(colours.values()))
    while True:
        colours = {id(node): _colour(node, colours) for node in component}
        now = len(set(colours.values()))
        if now == different:
            break
        different = now
    # One more round ties every colour to the stable partition; see the module's docstring.
    colours = {id(node): _colour(node, colours) for node in component}
    whole = sorted(set(colours.values()))
    for node in component:
        node.version = digest("code-cycle", [colours[id(node)], whole])


def _colour(node: Node, colours: dict[int, str]) -> str:
    edges = {f"{len(label)}:{label}{target.version or colours[id(target)]}" for label, target in node.edges}
    # Kinds hold no ';', hashes are of fixed length and labels carry theirs, so the text is unambiguous; the general
    # encoding of the same takes four times as long, and this is the innermost step.
    text = f"{SCHEME};code-node;{node.kind};{node.own};{''.join(sorted(edges))}"
    return hash_bytes((text.encode("utf-8", "surrogatepass"),))


def _components(root: Node) -> Iterator[list[Node]]:
    """Yield the strongly connected components without a version, each after those that it points to."""
    number: dict[int, int] = {id(root): 0}
    low: dict[int, int] = {id(root): 0}
    open_nodes: list[Node] = [root]
    is_open = {id(root)}
    path: list[tuple[Node, Iterator[tuple[str, Node]]]] = [(root, iter(root.edges))]
    while path:
        node, edges = path[-1]
        for _, target in edges:
            if target.version:
                continue
            if id(target) not in number:
                number[id(target)] = low[id(target)] = len(number)
                open_nodes.append(target)
                is_open.add(id(target))
                path.append((target, iter(target.edges)))
                break
            if id(target) in is_open:
                low[id(node)] = min(low[id(node)], number[id(target)])
        else:
            path.pop()
            if path:
                low[id(path[-1][0])] = min(low[id(path[-1][0])], low[id(node)])
            if low[id(node)] == number[id(node)]:
                component: list[Node] = []
                while not component or component[-1] is not node:
                    component.append(open_nodes.pop())
                    is_open.discard(id(component[-1]))
                yield component
