"""The names that a piece of code takes from outside itself.

In: a function, a class body or module-level statements as trees. Out: ``Names``:
the chains of names (``helpers.clean``) that are not local, what the code
imports on its own, what it calls in ways that no name shows, and which
properties of code it reads at run time. Python's scope rules are applied to
the tree, because a code object no longer knows chains.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Final

from assetbuild.fingerprint.code.binding import (
    COMPREHENSIONS,
    Scope,
    bind_all,
    bind_target,
    import_targets,
    imported_by_call,
)
from assetbuild.fingerprint.code.names import READERS, Access, Chain, Names, chain_of, children
from assetbuild.fingerprint.code.normalise import Keep
from assetbuild.fingerprint.code.syntax import (
    INERT_DECORATORS,
    decorator_name,
    is_annotated_class,
    parsed_annotation,
    plain_bases,
)

__all__ = ["names_of_function", "names_of_statements"]


def names_of_function(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
    keep: Keep,
    *,
    annotations: bool = False,
    has_walrus: bool = True,
) -> Names:
    """Return the outside names of a function's body; defaults and decorators belong to whoever defines it.

    ``has_walrus=False``, for a file without any ``:=``, saves the search of expressions for bindings.
    """
    collector = _Collector(keep, has_walrus=has_walrus)
    if annotations or keep.annotations:
        collector.annotations_of(node, None)
    collector.function_body(node, None)
    return collector.names


def names_of_statements(nodes: Iterable[ast.AST], keep: Keep) -> Names:
    """Return the names of module-level statements or expressions: none of them is local."""
    collector = _Collector(keep, has_walrus=True)
    for node in nodes:
        collector.visit(node, None)
    return collector.names


class _Collector:
    def __init__(self, keep: Keep, *, has_walrus: bool) -> None:
        self.names = Names()
        self._keep = keep
        self._has_walrus = has_walrus

    # -- scopes ----------------------------------------------------------------------------------------------

    def function_body(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, parent: Scope | None) -> None:
        scope = Scope(parent, has_walrus=self._has_walrus)
        arguments = node.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            scope.bind(argument.arg)
        for rest in (arguments.vararg, arguments.kwarg):
            if rest is not None:
                scope.bind(rest.arg)
        for parameter in getattr(node, "type_params", ()):
            scope.bind(parameter.name)
        body: Sequence[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else node.body
        bind_all(body, scope)
        for statement in body:
            self.visit(statement, scope)

    def annotations_of(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: Scope | None) -> None:
        arguments = node.args
        found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for annotation in [*(argument.annotation for argument in found if argument), getattr(node, "returns", None)]:
            if annotation is not None:
                self.visit(parsed_annotation(annotation), scope)

    def _nested_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope | None) -> None:
        for part in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            if part is not None:
                self.visit(part, scope)
        if self._keep.annotations or any(decorator_name(d) not in INERT_DECORATORS for d in node.decorator_list):
            self.annotations_of(node, scope)
        self.function_body(node, scope)

    def _lambda(self, node: ast.Lambda, scope: Scope | None) -> None:
        for part in (*node.args.defaults, *node.args.kw_defaults):
            if part is not None:
                self.visit(part, scope)
        self.function_body(node, scope)

    def _class(self, node: ast.ClassDef, scope: Scope | None) -> None:
        for part in (*plain_bases(node), *(keyword.value for keyword in node.keywords), *node.decorator_list):
            self.visit(part, scope)
        inner = Scope(scope, has_walrus=self._has_walrus, is_class=True)
        for parameter in getattr(node, "type_params", ()):
            inner.bind(parameter.name)
        bind_all(node.body, inner)
        read = self._keep.annotations or is_annotated_class(node)
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and read:
                self.visit(parsed_annotation(statement.annotation), inner)
            self.visit(statement, inner)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, scope: Scope | None
    ) -> None:
        self.visit(node.generators[0].iter, scope)
        inner = Scope(scope, has_walrus=self._has_walrus)
        for generator in node.generators:
            bind_target(generator.target, inner)
        for place, generator in enumerate(node.generators):
            if place:
                self.visit(generator.iter, inner)
            self.visit(generator.target, inner)
            for condition in generator.ifs:
                self.visit(condition, inner)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.visit(part, inner)

    # -- names -----------------------------------------------------------------------------------------------

    def visit(self, node: ast.AST, scope: Scope | None) -> None:
        """Note what a node uses from outside."""
        visitor = self._VISITORS.get(type(node))
        if visitor is not None:
            visitor(self, node, scope)
        else:
            self._each_child(node, scope)

    def _each_child(self, node: ast.AST, scope: Scope | None) -> None:
        for child in children(node):
            self.visit(child, scope)

    def _constant(self, node: ast.Constant, scope: Scope | None) -> None:
        pass

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope | None) -> None:
        if scope is not None:  # at module level the namespace says what a name means
            self.names.imports.update((target, None) for _, target in import_targets(node))

    def _assign(self, node: ast.Assign, scope: Scope | None) -> None:
        if scope is not None and _is_alias(node, scope):
            return  # 'h = helpers': the uses of 'h' say what is meant
        target = imported_by_call(node) if scope is not None else None
        if target is not None:
            self.names.imports[target] = None
        else:
            self._each_child(node, scope)

    def _variable(self, node: ast.AnnAssign, scope: Scope | None) -> None:
        self.visit(node.target, scope)
        if node.value is not None:
            self.visit(node.value, scope)

    def _name(self, node: ast.Name, scope: Scope | None) -> None:
        owner = scope.owner(node.id) if scope is not None else None
        if owner is None or owner.is_class or node.id in owner.imports or node.id in owner.aliases:
            self._use(node, scope)
        elif node.id in READERS:
            self.names.mentions.add(node.id)

    def _use(self, node: ast.expr, scope: Scope | None) -> None:
        for chain in self._chains(node, scope):
            self.names.chains[chain] = None

    def _attribute(self, node: ast.Attribute, scope: Scope | None) -> None:
        if chain_of(node) is not None:
            self._use(node, scope)
        else:
            if node.attr in READERS:
                self.names.mentions.add(node.attr)
            self.visit(node.value, scope)

    def _chains(self, node: ast.expr, scope: Scope | None, depth: int = 0) -> list[Chain]:
        """Return what a chain of names means outside; usually one, none for a local variable."""
        found = chain_of(node)
        if found is None or depth > _LONGEST_ALIAS:
            return []
        root, attributes = found
        if not READERS.isdisjoint((root, *attributes)):
            self.names.mentions.update(READERS.intersection((root, *attributes)))
        owner = scope.owner(root) if scope is not None else None
        if owner is None:
            return [Chain(root, attributes, node.lineno)]
        chains = [Chain(root, attributes, node.lineno, target) for target in owner.imports.get(root, ())]
        if root in owner.aliases and owner.bound[root] == 1:
            chains += [
                Chain(alias.root, alias.attributes + attributes, node.lineno, alias.imported)
                for alias in self._chains(owner.aliases[root], owner, depth + 1)
            ]
        if owner.is_class:
            chains.append(Chain(root, attributes, node.lineno))  # 'x = x' in a class body reads the outer 'x'
        return chains

    def _call(self, node: ast.Call, scope: Scope | None) -> None:
        callee = node.func
        if _names_a_logger(node):
            self.visit(callee, scope)
            return
        chains = self._chains(callee, scope)
        if chains:
            arguments = (*node.args, *[keyword.value for keyword in node.keywords if keyword.arg in _KEY_ARGUMENTS])
            self.names.accesses += [Access(chain, arguments, is_call=True) for chain in chains]
        if _is_plain_getattr(node, scope):
            named = ast.Attribute(node.args[0], node.args[1].value, ast.Load())  # type: ignore[attr-defined]
            self.visit(ast.copy_location(named, node), scope)
            self.visit(callee, scope)
            for argument in node.args[2:]:
                self.visit(argument, scope)
            return
        if chain_of(callee) is None:
            self.visit(callee, scope)
        else:
            self.names.chains.update(dict.fromkeys(chains))
        for part in (*node.args, *node.keywords):
            self.visit(part, scope)

    def _subscript(self, node: ast.Subscript, scope: Scope | None) -> None:
        for chain in self._chains(node.value, scope):
            self.names.accesses.append(Access(chain, (node.slice,), is_call=False))
        self.visit(node.value, scope)
        self.visit(node.slice, scope)

    def _compare(self, node: ast.Compare, scope: Scope | None) -> None:
        if isinstance(node.ops[0], (ast.In, ast.NotIn)):
            for chain in self._chains(node.comparators[0], scope):
                self.names.accesses.append(Access(chain, (node.left,), is_call=False))
        self._each_child(node, scope)

    # Of the class and not of each object: bound methods would tie an object, and trees with it, into a cycle.
    _VISITORS: ClassVar[dict[type[ast.AST], Callable[[_Collector, Any, Scope | None], None]]] = {
        ast.Name: _name,
        ast.Constant: _constant,
        ast.Attribute: _attribute,
        ast.Call: _call,
        ast.Subscript: _subscript,
        ast.FunctionDef: _nested_function,
        ast.AsyncFunctionDef: _nested_function,
        ast.Lambda: _lambda,
        ast.ClassDef: _class,
        ast.Import: _import,
        ast.ImportFrom: _import,
        ast.Assign: _assign,
        ast.AnnAssign: _variable,
        ast.Compare: _compare,
        **dict.fromkeys(COMPREHENSIONS, _comprehension),
    }


_LONGEST_ALIAS: Final = 20
_KEY_ARGUMENTS: Final = frozenset({"key", "name"})


def _names_a_logger(node: ast.Call) -> bool:
    """Say whether a call is ``getLogger(__name__)``: a logger's name is no data, and moves with the module."""
    found = chain_of(node.func)
    last = (found[1] or (found[0],))[-1] if found else ""
    return (
        last in {"getLogger", "get_logger"}
        and len(node.args) == 1
        and isinstance(node.args[0], ast.Name)
        and node.args[0].id == "__name__"
    )


def _is_plain_getattr(node: ast.Call, scope: Scope | None) -> bool:
    return (
        isinstance(node.func, ast.Name)
        and node.func.id == "getattr"
        and len(node.args) >= 2  # noqa: PLR2004
        and isinstance(node.args[1], ast.Constant)
        and isinstance(node.args[1].value, str)
        and (scope is None or scope.owner("getattr") is None)
    )


def _is_alias(node: ast.Assign, scope: Scope) -> bool:
    target = node.targets[0]
    return isinstance(target, ast.Name) and scope.aliases.get(target.id) is node.value and scope.bound[target.id] == 1
