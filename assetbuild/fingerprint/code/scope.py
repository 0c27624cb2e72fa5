"""The names that a piece of code takes from outside itself.

In: a function, a class body or module-level statements as trees. Out: ``Names``:
the chains of names (``helpers.clean``) that are not local, what the code
imports on its own, what it calls in ways that no name shows, and which
properties of code it reads at run time. Python's scope rules are applied to
the tree, because a code object no longer knows chains.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from assetbuild.fingerprint.code.normalise import (
    INERT_DECORATORS,
    Keep,
    decorator_name,
    is_annotated_class,
    parsed_annotation,
    plain_bases,
)

__all__ = ["Access", "Chain", "ImportTarget", "Names", "chain_of", "names_of_function", "names_of_statements"]


@dataclass(frozen=True, slots=True)
class ImportTarget:
    """What an import statement brings: a module (``name`` is None) or a name of a module."""

    module: str
    level: int
    name: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Chain:
    """A name from outside and the attributes that follow it: ``helpers.text.clean``.

    ``imported`` is set when the first name is bound by an import inside the code itself.
    """

    root: str
    attributes: tuple[str, ...]
    line: int
    imported: ImportTarget | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """A call ``chain(argument, ...)``, or a lookup ``chain[argument]`` (``is_call`` is false)."""

    chain: Chain
    arguments: tuple[ast.expr, ...]
    is_call: bool


@dataclass(slots=True)
class Names:
    """Everything that a piece of code takes from outside itself, in the order of the source."""

    chains: dict[Chain, None] = field(default_factory=dict)
    imports: dict[ImportTarget, None] = field(default_factory=dict)
    accesses: list[Access] = field(default_factory=list)
    mentions: set[str] = field(default_factory=set)

    def reads(self) -> Keep:
        """Return which properties of code are read at run time, and so must be kept."""
        return Keep(
            bool(self.mentions & _DOC_READERS),
            bool(self.mentions & _ANNOTATION_READERS),
            bool(self.mentions & _NAME_READERS),
        )


_DOC_READERS: Final = frozenset({"__doc__", "getdoc", "getcomments"})
_ANNOTATION_READERS: Final = frozenset(
    [
        "__annotations__",
        "__annotate__",
        "__dataclass_fields__",
        "__signature__",
        "beartype",
        "create_model",
        "get_annotations",
        "get_type_hints",
        "getfullargspec",
        "make_dataclass",
        "signature",
        "TypeAdapter",
        "typechecked",
        "validate_arguments",
        "validate_call",
        "model_fields",
        "__struct_fields__",
    ]
)
_NAME_READERS: Final = frozenset({"__name__", "__qualname__", "co_name", "co_qualname", "getmembers"})
_READERS: Final = _DOC_READERS | _ANNOTATION_READERS | _NAME_READERS | {"getsource", "getsourcelines"}


_child_fields: dict[type[ast.AST], tuple[str, ...]] = {}
_NO_CHILDREN: Final = frozenset(
    [
        "arg",
        "asname",
        "attr",
        "conversion",
        "ctx",
        "id",
        "is_async",
        "kind",
        "level",
        "module",
        "op",
        "ops",
        "simple",
        "type_comment",
    ]
)


def _children(node: ast.AST) -> list[ast.AST]:
    """Return the child nodes, operators and contexts left out; twice as fast as ``ast.iter_child_nodes``."""
    kind = type(node)
    fields = _child_fields.get(kind)
    if fields is None:
        fields = _child_fields[kind] = tuple(name for name in kind._fields if name not in _NO_CHILDREN)
    found: list[ast.AST] = []
    for name in fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif type(value) is list:
            found += [item for item in value if isinstance(item, ast.AST)]
    return found


def chain_of(node: ast.expr) -> tuple[str, tuple[str, ...]] | None:
    """Return the name and attributes of ``a.b.c``, or None for anything else."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return (node.id, tuple(reversed(attributes))) if isinstance(node, ast.Name) else None


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


class _Scope:
    """One scope of the code at hand: what it binds, and its parent. None stands for everything outside."""

    __slots__ = ("aliases", "bound", "globals", "has_walrus", "imports", "is_class", "nonlocals", "parent")

    def __init__(self, parent: _Scope | None, *, has_walrus: bool, is_class: bool = False) -> None:
        self.parent = parent
        self.has_walrus = has_walrus
        self.is_class = is_class
        self.bound: dict[str, int] = {}
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.imports: dict[str, list[ImportTarget]] = {}
        self.aliases: dict[str, ast.expr] = {}

    def bind(self, name: str) -> None:
        self.bound[name] = self.bound.get(name, 0) + 1

    def owner(self, name: str) -> _Scope | None:
        """Return the scope whose local variable a name is; None when it comes from outside."""
        scope: _Scope | None = self
        while scope is not None:
            if not (scope.is_class and scope is not self):
                if name in scope.globals:
                    return None
                if name in scope.bound and name not in scope.nonlocals:
                    return scope
            scope = scope.parent
        return None


class _Collector:
    def __init__(self, keep: Keep, *, has_walrus: bool) -> None:
        self.names = Names()
        self._keep = keep
        self._has_walrus = has_walrus

    # -- scopes ----------------------------------------------------------------------------------------------

    def function_body(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, parent: _Scope | None) -> None:
        scope = _Scope(parent, has_walrus=self._has_walrus)
        arguments = node.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            scope.bind(argument.arg)
        for rest in (arguments.vararg, arguments.kwarg):
            if rest is not None:
                scope.bind(rest.arg)
        for parameter in getattr(node, "type_params", ()):
            scope.bind(parameter.name)
        body: Sequence[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else node.body
        _bind_all(body, scope)
        for statement in body:
            self.visit(statement, scope)

    def annotations_of(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: _Scope | None) -> None:
        arguments = node.args
        found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for annotation in [*(argument.annotation for argument in found if argument), getattr(node, "returns", None)]:
            if annotation is not None:
                self.visit(parsed_annotation(annotation), scope)

    def _nested_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: _Scope | None) -> None:
        for part in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            if part is not None:
                self.visit(part, scope)
        if self._keep.annotations or any(decorator_name(d) not in INERT_DECORATORS for d in node.decorator_list):
            self.annotations_of(node, scope)
        self.function_body(node, scope)

    def _lambda(self, node: ast.Lambda, scope: _Scope | None) -> None:
        for part in (*node.args.defaults, *node.args.kw_defaults):
            if part is not None:
                self.visit(part, scope)
        self.function_body(node, scope)

    def _class(self, node: ast.ClassDef, scope: _Scope | None) -> None:
        for part in (*plain_bases(node), *(keyword.value for keyword in node.keywords), *node.decorator_list):
            self.visit(part, scope)
        inner = _Scope(scope, has_walrus=self._has_walrus, is_class=True)
        for parameter in getattr(node, "type_params", ()):
            inner.bind(parameter.name)
        _bind_all(node.body, inner)
        read = self._keep.annotations or is_annotated_class(node)
        for part in node.body:
            if isinstance(part, ast.AnnAssign) and read:
                self.visit(parsed_annotation(part.annotation), inner)
            self.visit(part, inner)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, scope: _Scope | None
    ) -> None:
        self.visit(node.generators[0].iter, scope)
        inner = _Scope(scope, has_walrus=self._has_walrus)
        for generator in node.generators:
            _bind_target(generator.target, inner)
        for place, generator in enumerate(node.generators):
            if place:
                self.visit(generator.iter, inner)
            self.visit(generator.target, inner)
            for condition in generator.ifs:
                self.visit(condition, inner)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.visit(part, inner)

    # -- names -----------------------------------------------------------------------------------------------

    def visit(self, node: ast.AST, scope: _Scope | None) -> None:
        kind = type(node)
        if kind is ast.Name:
            self._use(node, scope)  # type: ignore[arg-type]
        elif kind is ast.Constant:
            pass
        elif kind is ast.Attribute:
            self._attribute(node, scope)  # type: ignore[arg-type]
        elif kind is ast.Call:
            self._call(node, scope)  # type: ignore[arg-type]
        elif kind is ast.Subscript:
            self._subscript(node, scope)  # type: ignore[arg-type]
        elif kind is ast.FunctionDef or kind is ast.AsyncFunctionDef:
            self._nested_function(node, scope)  # type: ignore[arg-type]
        elif kind is ast.Lambda:
            self._lambda(node, scope)  # type: ignore[arg-type]
        elif kind is ast.ClassDef:
            self._class(node, scope)  # type: ignore[arg-type]
        elif kind in _COMPREHENSIONS:
            self._comprehension(node, scope)  # type: ignore[arg-type]
        elif kind is ast.Import or kind is ast.ImportFrom:
            for _, target in _import_targets(node):  # type: ignore[arg-type]
                self.names.imports[target] = None
        elif kind is ast.AnnAssign:
            self._variable(node, scope)  # type: ignore[arg-type]
        elif kind is ast.Assign and scope is not None and _is_alias(node, scope):  # type: ignore[arg-type]
            pass  # 'h = helpers': the uses of 'h' say what is meant
        elif kind is ast.Assign and scope is not None and (target := _imported_by_call(node)) is not None:  # type: ignore[arg-type]
            self.names.imports[target] = None
        elif kind is ast.Compare:
            self._compare(node, scope)  # type: ignore[arg-type]
        else:
            for child in _children(node):
                self.visit(child, scope)

    def _variable(self, node: ast.AnnAssign, scope: _Scope | None) -> None:
        self.visit(node.target, scope)
        if node.value is not None:
            self.visit(node.value, scope)

    def _use(self, node: ast.expr, scope: _Scope | None) -> None:
        for chain in self._chains(node, scope):
            self.names.chains[chain] = None

    def _attribute(self, node: ast.Attribute, scope: _Scope | None) -> None:
        if chain_of(node) is not None:
            self._use(node, scope)
        else:
            if node.attr in _READERS:
                self.names.mentions.add(node.attr)
            self.visit(node.value, scope)

    def _chains(self, node: ast.expr, scope: _Scope | None, depth: int = 0) -> list[Chain]:
        """Return what a chain of names means outside; usually one, none for a local variable."""
        found = chain_of(node)
        if found is None or depth > _LONGEST_ALIAS:
            return []
        root, attributes = found
        self.names.mentions.update(_READERS.intersection((root, *attributes)))
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

    def _call(self, node: ast.Call, scope: _Scope | None) -> None:
        callee = node.func
        if _names_a_logger(node):
            self.visit(callee, scope)
            return
        for chain in self._chains(callee, scope):
            arguments = (*node.args, *(keyword.value for keyword in node.keywords if keyword.arg in _KEY_ARGUMENTS))
            self.names.accesses.append(Access(chain, arguments, is_call=True))
        if _is_plain_getattr(node, scope):
            # getattr(module, "name") is module.name
            self.visit(ast.copy_location(ast.Attribute(node.args[0], node.args[1].value, ast.Load()), node), scope)  # type: ignore[attr-defined]
            self.visit(callee, scope)
            for argument in node.args[2:]:
                self.visit(argument, scope)
            return
        for child in _children(node):
            self.visit(child, scope)

    def _subscript(self, node: ast.Subscript, scope: _Scope | None) -> None:
        for chain in self._chains(node.value, scope):
            self.names.accesses.append(Access(chain, (node.slice,), is_call=False))
        self.visit(node.value, scope)
        self.visit(node.slice, scope)

    def _compare(self, node: ast.Compare, scope: _Scope | None) -> None:
        if isinstance(node.ops[0], (ast.In, ast.NotIn)):
            for chain in self._chains(node.comparators[0], scope):
                self.names.accesses.append(Access(chain, (node.left,), is_call=False))
        for child in _children(node):
            self.visit(child, scope)


_TARGETS: Final = frozenset({ast.Tuple, ast.List, ast.Starred})
_COMPREHENSIONS: Final = frozenset({ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp})
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


def _is_plain_getattr(node: ast.Call, scope: _Scope | None) -> bool:
    return (
        isinstance(node.func, ast.Name)
        and node.func.id == "getattr"
        and len(node.args) >= 2  # noqa: PLR2004
        and isinstance(node.args[1], ast.Constant)
        and isinstance(node.args[1].value, str)
        and (scope is None or scope.owner("getattr") is None)
    )


def _is_alias(node: ast.Assign, scope: _Scope) -> bool:
    target = node.targets[0]
    return isinstance(target, ast.Name) and scope.aliases.get(target.id) is node.value and scope.bound[target.id] == 1


def _imported_by_call(node: ast.Assign) -> ImportTarget | None:
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


def _import_targets(node: ast.Import | ast.ImportFrom) -> list[tuple[str, ImportTarget]]:
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


def _bind_all(nodes: Iterable[ast.AST], scope: _Scope) -> None:
    """Bind every name that these statements bind in this scope, without entering nested scopes."""
    for node in nodes:
        _bind(node, scope)


def _bind(node: ast.AST, scope: _Scope) -> None:
    kind = type(node)
    if kind is ast.Name:
        if not isinstance(node.ctx, ast.Load):  # type: ignore[attr-defined]
            scope.bind(node.id)  # type: ignore[attr-defined]
        return
    if not scope.has_walrus and isinstance(node, ast.expr) and kind not in _TARGETS:
        return
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        scope.bind(node.name)
        _bind_all([*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d)], scope)
        return
    if isinstance(node, ast.ClassDef):
        scope.bind(node.name)
        _bind_all([*node.decorator_list, *node.bases, *node.keywords], scope)
        return
    if isinstance(node, ast.Lambda):
        _bind_all([*node.args.defaults, *(d for d in node.args.kw_defaults if d)], scope)
        return
    if kind in _COMPREHENSIONS:
        _bind_walrus(node, scope)
        return
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        for name, target in _import_targets(node):
            scope.bind(name)
            scope.imports.setdefault(name, []).append(target)
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
        if not scope.is_class and chain_of(node.value) is not None:
            scope.aliases[node.targets[0].id] = node.value
        elif (target := _imported_by_call(node)) is not None:
            scope.imports.setdefault(node.targets[0].id, []).append(target)
    elif isinstance(node, ast.AnnAssign):
        _bind(node.target, scope)
        if node.value is not None:
            _bind(node.value, scope)
        return
    _bind_all(_children(node), scope)


def _bind_target(node: ast.AST, scope: _Scope) -> None:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            scope.bind(part.id)


def _bind_walrus(node: ast.AST, scope: _Scope) -> None:
    """A ``:=`` inside a comprehension binds in the scope around it."""
    for part in ast.walk(node):
        if isinstance(part, ast.NamedExpr):
            scope.bind(part.target.id)
