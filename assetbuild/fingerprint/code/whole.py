"""More than what is named: whole modules, whole packages, files that are not loaded, single statements.

In: a module, where code reaches it as a value or by a computed name. Out: a node that
points to everything the module binds and does.
"""

from __future__ import annotations

import ast
import os
from typing import TYPE_CHECKING

from assetbuild.fingerprint.code.components import Node
from assetbuild.fingerprint.code.index import Statement
from assetbuild.fingerprint.code.modules import Meaning, Unloadable, View
from assetbuild.fingerprint.code.names import Chain
from assetbuild.fingerprint.code.normalise import Normaliser
from assetbuild.fingerprint.encoding import digest

if TYPE_CHECKING:
    from assetbuild.fingerprint.code.walk import Walk

__all__ = ["Whole"]


class Whole:
    """Nodes of whole modules, files and statements."""

    def __init__(self, walk: Walk) -> None:
        """Take the walk that asks."""
        self._walk = walk

    def module_node(self, view: View) -> Node:
        """Return the node of a whole module: every name that it binds, and every other statement."""
        key = ("module", id(view.namespace))
        if key not in self._walk.nodes:
            node = Node("link", view.name, view.name, own="module")
            self._walk.nodes[key] = (node, view.namespace)
            self._walk.queue.append(lambda: self._build_module(node, view))
        return self._walk.nodes[key][0]  # type: ignore[return-value]

    def _build_module(self, node: Node, view: View) -> None:
        names = set(view.index.bindings)
        if "*" in names:
            names |= {name for name in view.namespace if not name.startswith("__")}
        for name in sorted(names & set(view.namespace)):
            found = self._walk.modules.resolve(Chain(name, (), 0), view, view.namespace)
            if isinstance(found, Meaning):
                node.point(name, self._walk.bindings.lenient_node(found))
            else:
                self._walk.add_chain(node, Chain(name, (), 0), view, view.namespace, {})
        for statement in view.index.statements:
            if not statement.binds:
                node.point("statement", self.statement_node(statement, view))

    def statement_node(self, statement: Statement, view: View) -> Node:
        """Return the node of a module-level statement that counts for what it does."""
        key = ("statement", id(statement))
        if key not in self._walk.nodes:
            node = Node("statement", ast.unparse(statement.node).split("\n")[0][:60], view.name)
            self._walk.nodes[key] = (node, statement)
            node.file, node.line = self._walk.modules.first_party.relative(view.path), statement.line
            self._walk.queue.append(lambda: self._walk.bindings.fill_statements(node, [statement], view))
        return self._walk.nodes[key][0]  # type: ignore[return-value]

    def loaded_module_node(self, module: str) -> Node | None:
        """Return the node of a whole first-party module by name, loading it when it is not loaded."""
        loaded = self._walk.modules.load(module)
        if isinstance(loaded, Unloadable):
            return self.file_node(loaded.path) if loaded.path else None
        view = self._walk.modules.view(loaded.__dict__)
        return self.module_node(view) if view is not None else None

    def package_nodes(self, package: str) -> list[Node]:
        """Return the nodes of all modules of a package; without a name, of all first-party files below the project."""
        if not package:
            paths = _python_files(self._walk.modules.first_party.root)
            return [self.file_node(path) for path in paths if path in self._walk.modules.first_party]
        loaded = self._walk.modules.load(package)
        folders = [] if isinstance(loaded, Unloadable) else list(getattr(loaded, "__path__", ()))
        found = []
        for folder in folders:
            for path in _python_files(os.path.abspath(folder)):
                stem = (
                    os.path.relpath(path, folder)[: -len(".py")]
                    .replace(os.sep, ".")
                    .removesuffix("__init__")
                    .rstrip(".")
                )
                node = self.loaded_module_node(f"{package}.{stem}" if stem else package)
                if node is not None:
                    found.append(node)
        return found

    def file_node(self, path: str) -> Node:
        """Return the node of a file that is not loaded: its whole source."""
        key = ("file " + path, 0)
        if key not in self._walk.nodes:
            relative = self._walk.modules.first_party.relative(path)
            node = Node("module", relative, relative)
            node.file = relative
            with open(path, "rb") as file:
                data = file.read()
            try:
                tree = ast.parse(data)
                node.own = digest(
                    "code-file", Normaliser(self._walk.keep, lambda _module, level: bool(level)).statements(tree.body)
                )
            except (SyntaxError, ValueError):
                node.own = digest("code-file", data)
            self._walk.nodes[key] = (node, path)
        return self._walk.nodes[key][0]  # type: ignore[return-value]


def _python_files(folder: str) -> list[str]:
    found: list[str] = []
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        found.extend(os.path.join(at, name) for name in sorted(names) if name.endswith(".py"))
    return found
