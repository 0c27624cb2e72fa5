"""Python's scope rules on syntax trees: which names a function, class or comprehension binds itself.

In: the statements of one scope. Out: its names, with what its own imports and plain aliases stand for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Final

from assetbuild.fingerprint.code.names import ImportTarget, chain_of, children

__all__ = ["COMPREHENSIONS", "Scope", "bind_all", "bind_target", "import_targets", "imported_by_call"]

_TARGETS: Final = frozenset({ast.Tuple, ast.List, ast.Starred})
COMPREHENSIONS: Final = frozenset({ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp})


class Scope:
    """One scope of the code at hand: what it binds, and its parent. None stands for everything outside."""

    __slots__ = ("aliases", "bound", "globals", "has_walrus", "imports", "is_class", "nonlocals", "parent")

    def __init__(self, parent: Scope | None, *, has_walrus: bool, is_class: bool = False) -> None:
        """Take the scope around this one; names are bound afterwards."""
        self.parent = parent
        self.has_walrus = has_walrus
        self.is_class = is_class
        self.bound: dict[str, int] = {}
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.imports: dict[str, list[ImportTarget]] = {}
        self.aliases: dict[str, ast.expr] = {}

    def bind(self, name: str) -> None:
        """Note one binding of a name."""
        self.bound[name] = self.bound.get(name, 0) + 1

    def owner(self, name: str) -> Scope | None:
        """Return the scope whose local variable a name is; None when it comes from outside."""
        scope: Scope | None = self
        while scope is not None:
            if not (scope.is_class and scope is not self):
                if name in scope.globals:
                    return None
                if name in scope.bound and name not in scope.nonlocals:
                    return scope
            scope = scope.parent
        return None


def imported_by_call(node: ast.Assign) -> ImportTarget | None:
    """Return what ``h = import_module("helpers")`` brings: it is an import statement in other words."""
    call = node.value
    if not (isinstance(call, ast.Call) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)):
        return None
    found = chain_of(call.func)
    if found is None or (found[1] or (found[0],))[-1] not in {"import_module", "__import__"} or not call.args:
        return None
    name = call.args[0].value if isinstance(call.args[0], ast.Constant) else None
    if not isinstance(name, str):
        return None
    bare = name.lstrip(".")
    bound = None if (found[1] or (found[0],))[-1] == "import_module" else ""
    return ImportTarget(bare, len(name) - len(bare), bound, node.lineno)


def import_targets(node: ast.Import | ast.ImportFrom) -> list[tuple[str, ImportTarget]]:
    """Return the bound names of an import statement with what each one means."""
    if isinstance(node, ast.Import):
        return [
            (alias.asname, ImportTarget(alias.name, 0, None, node.lineno))
            if alias.asname
            else (alias.name.partition(".")[0], ImportTarget(alias.name, 0, "", node.lineno))
            for alias in node.names
        ]
    return [
        (alias.asname or alias.name, ImportTarget(node.module or "", node.level, alias.name, node.lineno))
        for alias in node.names
    ]


def bind_all(nodes: Iterable[ast.AST], scope: Scope) -> None:
    """Bind every name that these statements bind in this scope, without entering nested scopes."""
    for node in nodes:
        _bind(node, scope)


def _bind(node: ast.AST, scope: Scope) -> None:
    kind = type(node)
    if kind is ast.Name:
        if not isinstance(node.ctx, ast.Load):  # type: ignore[attr-defined]
            scope.bind(node.id)  # type: ignore[attr-defined]
        return
    if not scope.has_walrus and isinstance(node, ast.expr) and kind not in _TARGETS:
        return
    if _bind_definition(node, scope):
        return
    if isinstance(node, ast.Global):
        scope.globals.update(node.names)
    elif isinstance(node, ast.Nonlocal):
        scope.nonlocals.update(node.names)
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        scope.bind(node.name)
    elif isinstance(node, ast.MatchMapping) and node.rest:
        scope.bind(node.rest)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        _bind_alias(node, node.targets[0].id, scope)
    bind_all(children(node), scope)


def _bind_definition(node: ast.AST, scope: Scope) -> bool:
    """Bind what definitions and imports bind; return whether that is all that the node binds here."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        scope.bind(node.name)
        inner: list[ast.AST] = list(node.decorator_list)
        if isinstance(node, ast.ClassDef):
            inner += [*node.bases, *node.keywords]
        else:
            inner += _defaults(node.args)
        bind_all(inner, scope)
    elif isinstance(node, ast.Lambda):
        bind_all(_defaults(node.args), scope)
    elif type(node) in COMPREHENSIONS:
        _bind_walrus(node, scope)
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for name, target in import_targets(node):
            scope.bind(name)
            scope.imports.setdefault(name, []).append(target)
    elif isinstance(node, ast.AnnAssign):
        bind_all([node.target, *([node.value] if node.value is not None else [])], scope)
    else:
        return False
    return True


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [*arguments.defaults, *(default for default in arguments.kw_defaults if default is not None)]


def _bind_alias(node: ast.Assign, name: str, scope: Scope) -> None:
    if not scope.is_class and chain_of(node.value) is not None:
        scope.aliases[name] = node.value
    elif (target := imported_by_call(node)) is not None:
        scope.imports.setdefault(name, []).append(target)


def bind_target(node: ast.AST, scope: Scope) -> None:
    """Bind every name of an assignment target."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            scope.bind(part.id)


def _bind_walrus(node: ast.AST, scope: Scope) -> None:
    """Bind what a comprehension binds by ``:=``: that goes to the scope around it."""
    for part in ast.walk(node):
        if isinstance(part, ast.NamedExpr):
            scope.bind(part.target.id)
