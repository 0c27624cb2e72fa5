"""Module-level names: what each one stands for, by value or by the statements that make it.

In: a ``Meaning``. Out: its node: the function or class itself, the value, or
the statements that bind and change the name, where the value cannot be compared or comes from the environment.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assetbuild.fingerprint.code.components import Node
from assetbuild.fingerprint.code.dynamic import COMPUTED
from assetbuild.fingerprint.code.index import Statement, distinct
from assetbuild.fingerprint.code.model import Widened
from assetbuild.fingerprint.code.modules import Meaning, View
from assetbuild.fingerprint.code.names import Chain
from assetbuild.fingerprint.code.scope import names_of_statements
from assetbuild.fingerprint.code.values import OpaqueError
from assetbuild.fingerprint.encoding import digest

if TYPE_CHECKING:
    from assetbuild.fingerprint.code.walk import Walk

__all__ = ["Bindings"]


class Bindings:
    """Nodes of module-level names."""

    def __init__(self, walk: Walk) -> None:
        """Take the walk that asks."""
        self._walk = walk
        self._globals: dict[tuple[int, str], Node | None] = {}

    def global_node(self, meaning: Meaning) -> Node | None:
        """Return what a module-level name stands for: its value, or the statements that make it."""
        view, name, value = meaning.view, meaning.name, meaning.value
        key = (id(view.namespace), name)
        found = self._walk.code_node(value)
        if found is not None:
            if found.kind == "external":
                if key not in self._globals:
                    self._globals[key] = self._bound_external(found, meaning)
                return self._globals[key]
            if found.name == "<lambda>":
                found.name = name
            return found
        if key not in self._globals:
            owner = Node("link", name, view.name)
            statements = view.index.bindings.get(name, [])
            owner.file = self._walk.modules.first_party.relative(view.path)
            owner.line = statements[-1].line if statements else None
            self._globals[key] = self._new_global(owner, meaning, statements)
        return self._globals[key]

    def _bound_external(self, target: Node, meaning: Meaning) -> Node:
        """Return the node of a name that stands for something of another library: 'KIND' was int and is float."""
        node = Node("value", meaning.name, meaning.view.name)
        statements = meaning.view.index.bindings.get(meaning.name, [])
        node.file = self._walk.modules.first_party.relative(meaning.view.path)
        node.line = statements[-1].line if statements else None
        node.text = target.name
        node.point("", target)
        return node

    def _new_global(self, owner: Node, meaning: Meaning, statements: list[Statement]) -> Node | None:
        name, value = meaning.name, meaning.value
        origin = self._walk.environment.origin(meaning.view, name)
        if origin.is_volatile or (origin.variables and COMPUTED not in origin.variables):
            node = self.statements_node(owner, meaning)
            if origin.is_volatile:
                reason = "is made from the time, chance or this machine, so its statements count and not its value"
                node.widened.append(Widened(name, reason, owner.file, owner.line))
            return node
        try:
            node = self._walk.value_node(owner, name, value, by_reduce=True)
        except OpaqueError as error:
            if error.fatal or not statements:
                return self._walk.unfingerprintable(
                    Node("link", name), f"global {name!r}", name, error, owner.file, owner.line
                )
            return self.statements_node(owner, meaning)
        if origin.variables:
            node.text = ""
        return node

    def lenient_node(self, meaning: Meaning) -> Node | None:
        """Return what a name of a whole module stands for; nobody may use it, so nothing about it is an error."""
        node = self.global_node(meaning)
        if node is None or not node.problems:
            return node
        key = (id(meaning.view.namespace), f"{meaning.name} (lenient)")
        if key not in self._globals:
            owner = Node("link", meaning.name, meaning.view.name)
            owner.file = self._walk.modules.first_party.relative(meaning.view.path)
            self._globals[key] = self.statements_node(owner, meaning, key)
        return self._globals[key]

    def statements_node(self, owner: Node, meaning: Meaning, key: tuple[int, str] | None = None) -> Node:
        """Return the node of a name by the statements that bind or change it, in every module."""
        node = Node("statement", owner.name, owner.module)
        node.file, node.line = owner.file, owner.line
        self._globals[key or (id(meaning.view.namespace), meaning.name)] = node
        made = distinct(
            [*meaning.view.index.bindings.get(meaning.name, ()), *meaning.view.index.changes.get(meaning.name, ())]
        )
        self.fill_statements(node, made, meaning.view)
        for view in self._walk.modules.loaded_views():
            if view is not meaning.view and any(view.index.changes):
                for name in view.index.changes:
                    if view.namespace.get(name) is meaning.value:
                        changed = Node("link")
                        self.fill_statements(changed, view.index.changes[name], view)
                        node.point("changed", changed)
        return node

    def fill_statements(self, node: Node, statements: Sequence[Statement], view: View) -> None:
        """Fill a node with what statements say and use."""
        trees = [self._without_own_decorators(statement.node, view) for statement in statements]
        node.own = digest("code-statements", [self._walk.normalised_statements(trees)])
        node.text = "\n".join(view.index.text(tree) for tree in trees)
        bound = set().union(*(statement.binds for statement in statements))
        self._walk.add_statement_names(node, trees, view, left_out=bound)
        used = {chain.root for chain in names_of_statements(trees, self._walk.keep).chains}
        for name in sorted(bound & used & set(view.namespace)):
            found = self._walk.modules.resolve(Chain(name, (), 0), view, view.namespace)
            if isinstance(found, Meaning) and found.view is view and found.name in view.index.bindings:
                node.point(name, self.lenient_node(found))

    def _without_own_decorators(self, tree: ast.stmt, view: View) -> ast.stmt:
        decorators = getattr(tree, "decorator_list", None)
        if not decorators or not any(self._walk.foreign.is_own(part, view) for part in decorators):
            return tree
        tree = copy.copy(tree)
        tree.decorator_list = [part for part in decorators if not self._walk.foreign.is_own(part, view)]  # type: ignore[attr-defined]
        return tree
