"""What importing the project does to other libraries: ``np.random.seed(0)``, ``pd.options.x = 3``, ``lib.f = mine``.

In: the libraries that an asset's code uses. Out: the module-level statements,
in any loaded first-party module, that set something in one of them. The value of
such a setting lies in the library, so the statement stands for it.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from assetbuild.fingerprint.code.components import Node
from assetbuild.fingerprint.code.index import Statement
from assetbuild.fingerprint.code.modules import External, Meaning, View
from assetbuild.fingerprint.code.names import Chain, chain_of

if TYPE_CHECKING:
    from assetbuild.fingerprint.code.walk import Walk

__all__ = ["Effects"]

_INERT: Final = frozenset(
    [
        "assetbuild",
        "atexit",
        "builtins",
        "faulthandler",
        "gc",
        "logging",
        "os",
        "signal",
        "sys",
        "time",
        "traceback",
        "typing",
        "warnings",
    ]
)
"""Libraries whose settings change no data, or are seen in another way."""
_DEEPEST: Final = 4


class Effects:
    """The module-level statements with effects on other libraries, found once per walk."""

    def __init__(self, walk: Walk) -> None:
        """Take the walk that asks."""
        self._walk = walk
        self._found: list[tuple[frozenset[str], Statement, View]] | None = None

    def nodes(self, libraries: set[str]) -> list[Node]:
        """Return the nodes of the statements that set something in one of these libraries."""
        return [
            self._walk.whole.statement_node(statement, view)
            for tops, statement, view in self._all()
            if tops & libraries
        ]

    def modules(self) -> frozenset[str]:
        """Return the names of the modules that have such statements."""
        return frozenset(view.name for _, _, view in self._all())

    def _all(self) -> list[tuple[frozenset[str], Statement, View]]:
        if self._found is None:
            self._found = list(self._search())
        return self._found

    def _search(self) -> Iterator[tuple[frozenset[str], Statement, View]]:
        for view in self._walk.modules.loaded_views():
            for statement in view.index.statements:
                if statement.is_definition or statement.imports:
                    continue
                tops = frozenset(self._touched([statement.node], view, 0)) - _INERT
                if tops:
                    yield tops, statement, view

    def _touched(self, nodes: list[ast.stmt], view: View, depth: int) -> Iterator[str]:
        for node in _plain_statements(nodes):
            for target in _targets(node):
                found = chain_of(target)
                meaning = (
                    self._walk.modules.resolve(Chain(found[0], found[1], 0), view, view.namespace) if found else None
                )
                if isinstance(meaning, External):
                    yield meaning.module.partition(".")[0]
                elif (
                    isinstance(meaning, Meaning) and isinstance(meaning.value, types.FunctionType) and depth < _DEEPEST
                ):
                    yield from self._touched_by(meaning.value, depth + 1)
                elif isinstance(meaning, Meaning) and isinstance(meaning.value, type):
                    yield meaning.value.__module__.partition(".")[0]

    def _touched_by(self, function: types.FunctionType, depth: int) -> Iterator[str]:
        """Look into a first-party function that is called at import: ``setup()``."""
        index = self._walk.modules.index(function.__code__.co_filename)
        view = self._walk.modules.view(function.__globals__)
        tree = index.function(function.__code__) if index is not None else None
        if view is not None and isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from self._touched(tree.body, view, depth)


def _plain_statements(nodes: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield simple statements, also those inside compound ones, but not inside functions and classes."""
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        inner = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.stmt)]
        handlers = [part for handler in getattr(node, "handlers", ()) for part in handler.body]
        if inner or handlers:
            yield from _plain_statements([*inner, *handlers])
        else:
            yield node


def _targets(node: ast.stmt) -> Iterator[ast.expr]:
    """Yield the names at the root of what a statement calls for effect, or assigns an attribute or item of."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield _root(node.value)
    elif isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete)):
        targets = node.targets if isinstance(node, (ast.Assign, ast.Delete)) else [node.target]
        for target in targets:
            if isinstance(target, (ast.Attribute, ast.Subscript)):
                yield _root(target)


def _root(node: ast.expr) -> ast.expr:
    """Return the chain of names that an expression starts with: ``lib.get`` of ``lib.get().option``."""
    while chain_of(node) is None and isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node
