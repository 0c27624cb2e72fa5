"""``CodeFingerprinter``: from a function to its ``CodeVersion``.

In: the user's function as loaded. Out: one hash, its named parts, the packages
and environment variables it reaches. The walk finds the nodes, the components
hash them; here they are put together.
"""

from __future__ import annotations

import gc
import marshal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final, TypeAlias

from assetbuild.errors import DefinitionError
from assetbuild.fingerprint.code.components import Node, reachable, set_versions
from assetbuild.fingerprint.code.leaf import FunctionTree, Leaf, leaf_of, version_of
from assetbuild.fingerprint.code.model import CODE_SCHEME, CodePart, CodeVersion, Widened
from assetbuild.fingerprint.code.modules import Modules
from assetbuild.fingerprint.code.normalise import Keep
from assetbuild.fingerprint.code.packages import Packages
from assetbuild.fingerprint.code.shapes import Shape, Shapes
from assetbuild.fingerprint.code.source import FirstParty, SourceFile
from assetbuild.fingerprint.code.walk import Walk
from assetbuild.fingerprint.encoding import Encodable, digest

__all__ = ["CodeFingerprinter", "LeafFunction", "undisturbed"]

LeafFunction: TypeAlias = tuple[Leaf, str, tuple[tuple[str, str], ...]]
"""The leaf of a function, the name of its part, and what the part's version is made of besides the function itself."""

_DEPTH: Final = 100_000
_SHOWN: Final = frozenset({"function", "class", "value", "statement", "module", "import"})


class CodeFingerprinter:
    """Computes code versions of one loaded project; what assets share is hashed once.

    Make one right after loading and before anything runs: versions are of the
    modules as they are then.
    """

    def __init__(  # noqa: PLR0913  # of which project, by which rules, after what
        self,
        root: Path,
        files: Mapping[str, SourceFile],
        *,
        package_policy: str = "exact",
        import_module: Callable[[str], ModuleType] | None = None,
        first_party: FirstParty | None = None,
        last: CodeFingerprinter | None = None,
        sparing: bool = False,
    ) -> None:
        """Take the project folder, the files that were loaded (the importer's live mapping), and the package policy.

        From the ``last`` fingerprinter, of an earlier load, what was parsed of files that are the same is taken over.
        When ``sparing`` it lets go of what it knows of an asset's function as soon as its code version is told.
        """
        self._sparing = sparing
        self._modules = Modules(first_party or FirstParty(root), files, import_module)
        if last is not None:
            self._modules.take_over(last._modules)  # noqa: SLF001  # an earlier one of this class
        self._packages = Packages(package_policy)
        self._walks: dict[Keep, Walk] = {}
        self._roots: dict[int, tuple[Walk, list[Node]]] = {}
        self._leaves: dict[int, bytes | None] = {}
        self._module_sets: dict[frozenset[str], frozenset[str]] = {}
        # What is left when all is forgotten.
        self._is_told_by_names = True
        self._named: set[int] = set()
        self._shapes: dict[str, Shapes] = {}
        self._quiet: frozenset[str] = frozenset()

    def code_version(self, function: Callable[..., Any]) -> CodeVersion:
        """Return the code version of an asset's function.

        Raises DefinitionError, naming the variable and the way out, when something that it
        reaches can neither be compared by value nor by the statements that make it.
        """
        with undisturbed():
            code = self._version(function, lambda walk: walk.asset_node(function))
            if self._sparing or self._modules.are_put_away:  # now, while its tree is held
                self._leaves[id(function)] = self._leaf(function, code)
            if self._sparing:
                self._let_go(function)
            return code

    def _let_go(self, function: Callable[..., Any]) -> None:
        """Forget the nodes of an asset's function: no other closure has them, for whoever calls it has another."""
        self._roots.pop(id(function), None)
        for walk in self._walks.values():
            walk.forget_asset(function)

    def forget(self) -> None:
        """Let go of all that the code versions were told from; what is asked for later is made anew."""
        self._is_told_by_names = self.is_told_by_names
        self._named = self._named_functions()
        self._shapes = self._modules.shapes()
        self._quiet = self._modules.quiet()
        for walk in self._walks.values():
            walk.forget()
        self._walks.clear()
        self._roots.clear()
        self._modules.forget()

    def _named_functions(self) -> set[int]:
        """Return the ids of the functions that other code refers to."""
        return self._named.union(at for walk in self._walks.values() for kind, at in walk.nodes if kind == "function")

    def class_version(self, cls: type) -> CodeVersion:
        """Return the code version of a class, such as a user's IO manager."""
        with undisturbed():
            return self._version(cls, lambda walk: walk.class_root(cls))

    def leaf(self, function: Callable[..., Any], code: CodeVersion | None) -> bytes | None:
        """Return what is needed to tell the code version of an asset's function again from its source alone.

        It is a ``LeafFunction``, marshalled. None when other code in a closure refers to the function, or its version
        depends on more than can be kept.
        """
        if id(function) in self._named or any(("function", id(function)) in w.nodes for w in self._walks.values()):
            return None
        if id(function) in self._leaves:
            return self._leaves[id(function)]
        return None if code is None else self._leaf(function, code)

    def _leaf(self, function: Callable[..., Any], code: CodeVersion) -> bytes | None:
        found = self._roots.get(id(function))
        if found is None or not isinstance(function, FunctionType):
            return None
        walk, (root, *effects) = found
        view, node = self._modules.view(function.__globals__), root.edges[0][1] if len(root.edges) == 1 else None
        tree = view.index.function(function.__code__) if view is not None else None
        if view is None or node is None or node.kind != "function" or not isinstance(tree, FunctionTree):
            return None
        if any(not walk.foreign.is_own(decorator, view) for decorator in tree.decorator_list):
            return None
        packages = [] if self._packages.policy == "off" else list(code.packages.items())
        leaf = leaf_of(walk, node, tree, view, sorted({effect.version for effect in effects}), packages)
        subject = next((name for name, part in code.parts.items() if part is node.part), None)
        if leaf is None or subject is None or code.widened:
            return None
        names = _part_names(node)
        # What is kept has to give what the walk gave.
        part = digest("code-part", ["function", node.own, [list(pair) for pair in names]])
        if version_of(leaf, node.own, CODE_SCHEME) != code.version or part != node.part_version:
            return None
        kept: LeafFunction = leaf, subject, tuple(names)
        return marshal.dumps(kept)

    def shapes(self, path: str) -> Iterable[Shape]:
        """Return what the statements of a first-party file that was loaded look like from outside, in order."""
        if path in self._shapes:
            return self._shapes[path]
        index = self._modules.index(path)
        return () if index is None else index.shapes

    def are_quiet(self, paths: Iterable[str]) -> bool:
        """Return whether importing these first-party files does nothing but define."""
        quiet = self._quiet | self._modules.quiet()
        return all(path in quiet for path in paths)

    @property
    def is_told_by_names(self) -> bool:
        """Whether no closure counts whole modules or files."""
        return self._is_told_by_names and not any(
            kind == "module" or kind.startswith("file ") for walk in self._walks.values() for kind, _ in walk.nodes
        )

    def modules_with_effects(self) -> frozenset[str]:
        """Return the modules that set something in other libraries while they load: that counts for all assets."""
        walk = next(iter(self._walks.values()), None) or self._walks.setdefault(
            Keep(), Walk(self._modules, self._packages, Keep())
        )
        return walk.modules_with_effects()

    def _version(self, subject: object, root_of: Callable[[Walk], Node]) -> CodeVersion:
        keep = Keep()
        while True:
            walk = self._walks.get(keep)
            if walk is None:
                walk = self._walks[keep] = Walk(self._modules, self._packages, keep)
            root = root_of(walk)
            nodes = reachable(root)
            effects = walk.effect_nodes({node.module for node in nodes if node.kind == "external"})
            if effects:
                nodes = reachable(root, *effects)
            wanted = keep
            for node in nodes:
                wanted = wanted | node.reads
            if wanted == keep:
                self._roots[id(subject)] = walk, [root, *effects]
                return self._put_together([root, *effects], nodes, self._modules.home_of(subject))
            keep = wanted

    def _put_together(self, roots: list[Node], nodes: list[Node], home: str) -> CodeVersion:
        problems = [problem for node in nodes for problem in node.problems]
        if problems:
            raise DefinitionError(*dict.fromkeys(problems))
        for root in roots:
            set_versions(root)
        packages: dict[str, str] = {}
        env: set[str] = set()
        widened: dict[Widened, None] = {}
        for node in nodes:
            if node.packages:
                packages.update(node.packages)
            if node.env:
                env |= node.env
            if node.widened:
                widened.update(dict.fromkeys(node.widened))
        packages = dict(sorted(packages.items()))
        keyed: Encodable = (
            [] if self._packages.policy == "off" else [[name, version] for name, version in packages.items()]
        )
        version = digest(CODE_SCHEME, [roots[0].version, sorted({root.version for root in roots[1:]}), keyed])
        modules = frozenset(node.module for node in nodes if node.module)
        modules = self._module_sets.setdefault(modules, modules)
        return CodeVersion(version, _parts(nodes, home), packages, frozenset(env), tuple(widened), modules)


def _parts(nodes: list[Node], home: str) -> dict[str, CodePart]:
    """Return the parts that people see, each under a name of its own."""
    shown = [node for node in nodes if node.kind in _SHOWN]
    home = home or next((node.module for node in shown if node.kind == "function"), "")
    parts: dict[str, CodePart] = {}
    for node in shown:
        subject = next(name for name in _subjects(node, home) if name not in parts)
        if node.part is None or node.part.subject != subject:
            node.part_version = node.part_version or _part_version(node)
            node.part = CodePart(subject, node.kind, node.part_version, node.file, node.line, node.text)
        parts[subject] = node.part
    return parts


def _subjects(node: Node, home: str) -> Iterator[str]:
    """Yield the names for a node, the shortest first."""
    if node.module == home or node.kind == "module":
        yield node.name
    yield f"{node.module.rpartition('.')[2]}.{node.name}"
    yield f"{node.module}.{node.name}"
    number = 2
    while True:
        yield f"{node.name} ({number})"
        number += 1


def _part_version(node: Node) -> str:
    """Return a hash that moves when the unit itself does, or when its names come to mean other units."""
    return digest("code-part", [node.kind, node.own, _part_names(node)])


def _part_names(node: Node) -> list[tuple[str, str]]:
    """Return the names of a unit with the units that they mean."""
    names: set[tuple[str, str]] = set()
    waiting = [(label, target) for label, target in node.edges]
    seen: set[int] = set()
    while waiting:
        label, target = waiting.pop()
        if target.kind in {"link", "external"}:
            names.add((label, target.own))
            if id(target) not in seen:
                seen.add(id(target))
                if target.own != "module":
                    waiting.extend((f"{label} {inner}", node) for inner, node in target.edges)
        else:
            names.add((label, target.full_name))
    return sorted(names)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Allow deep trees, and no garbage collection; around many fingerprints it saves half of the time.

    A chain of 500 'elif' nests 500 deep, and Python frames cost no stack of C.
    """
    limit = sys.getrecursionlimit()
    collects = gc.isenabled()
    sys.setrecursionlimit(max(limit, _DEPTH))
    gc.disable()  # syntax trees are many objects that stay: to search them for garbage doubles the time
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
        if collects:
            gc.enable()
