"""Whether importing a module does nothing but define: then it makes no difference to others whether it was imported.

In: the syntax tree of a module. Out: whether each statement that runs at import is an import, a definition or an
assignment to a name, and calls nothing but assetbuild, harmless builtins, and constructors of the standard library that
are known here. What is not known counts as doing something: a decorator of another library may register what it
decorates, a base class its subclasses. Imports of other libraries count as definitions; whoever skips a module has to
see to these.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from assetbuild.fingerprint.code.names import chain_of
from assetbuild.fingerprint.code.syntax import is_main_guard

__all__ = ["QUIET_LIBRARIES", "is_quiet"]

QUIET_LIBRARIES: Final = frozenset(
    [
        "abc",
        "assetbuild",
        "collections",
        "datetime",
        "decimal",
        "enum",
        "fractions",
        "json",
        "math",
        "pathlib",
        "re",
        "string",
        "textwrap",
        "typing",
        "uuid",
        "zoneinfo",
    ]
)
"""What these define may be called, decorate and be derived from; no module of the project may go by these names."""
_QUIET_FUNCTIONS: Final = frozenset(
    [
        "dataclasses.dataclass",
        "dataclasses.field",
        "functools.cache",
        "functools.cached_property",
        "functools.lru_cache",
        "functools.total_ordering",
        "functools.wraps",
        "logging.getLogger",
        "os.cpu_count",
        "os.environ.get",
        "os.fspath",
        "os.getenv",
    ]
)
_QUIET_BUILTINS: Final = frozenset(
    [
        "BaseException",
        "Exception",
        "RuntimeError",
        "TypeError",
        "ValueError",
        "abs",
        "bool",
        "bytes",
        "classmethod",
        "dict",
        "float",
        "frozenset",
        "int",
        "len",
        "list",
        "object",
        "property",
        "range",
        "round",
        "set",
        "staticmethod",
        "str",
        "sum",
        "tuple",
        "zip",
    ]
)


def is_quiet(tree: ast.Module) -> bool:
    """Return whether importing the module only defines what it defines."""
    origins = _origins(tree)
    return all(_is_quiet(statement, origins) for statement in tree.body)


def _origins(tree: ast.Module) -> dict[str, str]:
    """Return what each module-level name stands for: a dotted name that was imported, or nothing of that kind."""
    origins: dict[str, str] = {}
    for node in _at_import(tree.body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                origins[name] = alias.name if alias.asname else name
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            origins.update({alias.asname or alias.name: f"{source}.{alias.name}" for alias in node.names})
    for node in _at_import(tree.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            origins[node.name] = ""
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
            origins.update(dict.fromkeys(names, ""))
    return origins


def _at_import(nodes: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in nodes:
        yield node
        for inner in _inner(node):
            yield from _at_import(inner)


def _inner(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    if isinstance(node, ast.If):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.Try):
        yield node.body
        yield from (handler.body for handler in node.handlers)
        yield node.orelse
        yield node.finalbody
    elif isinstance(node, ast.ClassDef):
        yield node.body


def _is_quiet(node: ast.stmt, origins: dict[str, str]) -> bool:
    if isinstance(node, ast.If) and is_main_guard(node):
        return True
    parts = _parts(node, origins)
    return (
        parts is not None
        and all(part is None or _calls_known(part, origins) for part in parts)
        and all(_is_quiet(statement, origins) for statements in _inner(node) for statement in statements)
    )


def _parts(node: ast.stmt, origins: dict[str, str]) -> Iterable[ast.expr | None] | None:
    """Return the expressions of a statement that are evaluated at import; None when it may do more than define."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return _parts_of_function(node) if _are_known(node.decorator_list, origins) else None
    if isinstance(node, ast.ClassDef):
        is_plain = all(keyword.arg != "metaclass" for keyword in node.keywords)
        above = [*node.decorator_list, *node.bases]
        return [*above, *(given.value for given in node.keywords)] if is_plain and _are_known(above, origins) else None
    if isinstance(node, ast.Assign):
        return [node.value] if all(map(_is_name, node.targets)) else None
    if isinstance(node, ast.AnnAssign):  # no AugAssign: '+=' changes a list in place, which may be another module's
        return [node.value, node.annotation] if _is_name(node.target) else None
    if isinstance(node, ast.If):
        return [node.test]
    if isinstance(node, ast.Try):
        return [handler.type for handler in node.handlers]
    does_nothing = (
        isinstance(node, ast.Import | ast.Pass)
        or (isinstance(node, ast.ImportFrom) and all(alias.name != "*" for alias in node.names))
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    )
    return [] if does_nothing else None


def _parts_of_function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr | None]:
    given = node.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    notes = [argument.annotation for argument in arguments if argument is not None]
    return [*node.decorator_list, *given.defaults, *given.kw_defaults, *notes, node.returns]


def _are_known(expressions: Iterable[ast.expr], origins: dict[str, str]) -> bool:
    return all(_is_known(expression, origins) for expression in expressions)


def _calls_known(expression: ast.expr, origins: dict[str, str]) -> bool:
    return all(
        # What a call returned is not called: it may be anything.
        not isinstance(node.func, ast.Call) and _is_known(node.func, origins)
        if isinstance(node, ast.Call)
        else not isinstance(node, ast.NamedExpr)
        for node in ast.walk(expression)
    )


def _is_known(expression: ast.expr, origins: dict[str, str]) -> bool:
    """Say whether what is called, decorates or is derived from is known to change nothing elsewhere."""
    while isinstance(expression, ast.Call | ast.Subscript):
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    if isinstance(expression, ast.Attribute):
        inner: ast.expr = expression
        while isinstance(inner, ast.Attribute):
            inner = inner.value
        if isinstance(inner, ast.Constant | ast.JoinedStr):
            return True  # a method of a literal
        if isinstance(inner, ast.Call | ast.Subscript):
            return _is_known(inner, origins)  # a method of what a known one returned
    found = chain_of(expression)
    if found is None:
        return False
    root, rest = found[0], found[1]
    if root not in origins:
        return not rest and root in _QUIET_BUILTINS
    dotted = ".".join([origins[root], *rest])
    return dotted.partition(".")[0] in QUIET_LIBRARIES or dotted in _QUIET_FUNCTIONS


def _is_name(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return all(_is_name(part) for part in target.elts)
    return isinstance(target, ast.Name)
