"""One first-party file, indexed: its functions and classes by place and name, and its module-level statements.

The tree is parsed once, from the bytes that were compiled, and walked once.
"""

from __future__ import annotations

import ast
import importlib.util
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType
from typing import TypeAlias

from assetbuild.fingerprint.code.names import ImportTarget
from assetbuild.fingerprint.code.source import SourceFile

__all__ = ["FileIndex", "FunctionNode", "Statement", "distinct", "first_line"]

FunctionNode: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda"
Defined: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef"


@dataclass(slots=True, eq=False)
class Statement:
    """One module-level statement, compound ones whole: which names it binds, and which objects it may change."""

    node: ast.stmt
    binds: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    imports: dict[str, ImportTarget] = field(default_factory=dict)

    @property
    def is_definition(self) -> bool:
        """A ``def`` or ``class`` statement."""
        return isinstance(self.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))


class FileIndex:
    """The parsed source of one file."""

    def __init__(self, source: SourceFile) -> None:
        """Parse the bytes; they are known to compile."""
        self.source = source
        self.tree = ast.parse(source.data)
        self._functions: dict[tuple[int, str], list[FunctionNode]] = {}
        self._classes: dict[str, list[ast.ClassDef]] = {}
        self.has_walrus = b":=" in source.data
        self._has_lambdas = b"lambda" in source.data
        self._walk(self.tree.body, "")

    @cached_property
    def lines(self) -> list[str]:
        """The source's lines, with the encoding that it declares."""
        return importlib.util.decode_source(self.source.data).split("\n")

    @cached_property
    def statements(self) -> list[Statement]:
        """The module-level statements, in order."""
        return [_statement(node) for node in self.tree.body]

    @cached_property
    def bindings(self) -> dict[str, list[Statement]]:
        """The module-level statements that bind a name, in order."""
        found: dict[str, list[Statement]] = {}
        for statement in self.statements:
            for name in statement.binds:
                found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def changes(self) -> dict[str, list[Statement]]:
        """The module-level statements that may change the object that a name stands for."""
        found: dict[str, list[Statement]] = {}
        for statement in self.statements:
            for name in statement.changes:
                found.setdefault(name, []).append(statement)
        return found

    def function(self, code: CodeType) -> FunctionNode | None:
        """Return the tree of the function that a code object was compiled from."""
        found = self._functions.get((code.co_firstlineno, code.co_name), [])
        if len(found) > 1:
            found = [node for node in found if _holds(node, code)] or found
            found.sort(key=_extent)
        return found[0] if found else None

    def class_(self, cls: type) -> ast.ClassDef | None:
        """Return the tree of a class; of several by one name, the one that holds its methods, else the last."""
        found = self._classes.get(cls.__qualname__, [])
        if len(found) > 1:
            line = vars(cls).get("__firstlineno__")
            codes = [getattr(member, "__code__", None) for member in vars(cls).values()]
            lines = [code.co_firstlineno for code in codes if code and code.co_filename == self.source.path]
            for node in found:
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                last = node.end_lineno or node.lineno
                if line == first or (line is None and lines and all(first <= at <= last for at in lines)):
                    return node
        return found[-1] if found else None

    def text(self, node: ast.AST) -> str:
        """Return the source of a statement or lambda, dedented, with its decorators."""
        first, last = first_line(node), getattr(node, "end_lineno", None) or first_line(node)
        lines = self.lines[first - 1 : last]
        if lines and lines[0][:1] not in {"", " ", "\t"}:  # nothing to dedent: only what 'dedent' does to blank lines
            return "\n".join([line if line.strip(" \t") else "" for line in lines]).strip("\n")
        return textwrap.dedent("\n".join(lines)).strip("\n")

    def _walk(self, nodes: list[ast.stmt], prefix: str) -> None:
        for node in nodes:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._functions.setdefault((first_line(node), node.name), []).append(node)
                self._expressions([*node.decorator_list, node.args])
                self._walk(node.body, f"{prefix}{node.name}.<locals>.")
            elif isinstance(node, ast.ClassDef):
                self._classes.setdefault(prefix + node.name, []).append(node)
                self._expressions([*node.decorator_list, *node.bases, *node.keywords])
                self._walk(node.body, f"{prefix}{node.name}.")
            else:
                self._compound(node, prefix)

    def _compound(self, node: ast.AST, prefix: str) -> None:
        for name, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                self._walk(value, prefix)
            elif isinstance(value, list) and name in {"handlers", "cases"}:
                for item in value:
                    self._compound(item, prefix)
            elif isinstance(value, ast.AST):
                self._expressions([value])
            elif isinstance(value, list):
                self._expressions([item for item in value if isinstance(item, ast.AST)])

    def _expressions(self, nodes: list[ast.AST]) -> None:
        if self._has_lambdas:
            for root in nodes:
                for node in ast.walk(root):
                    if isinstance(node, ast.Lambda):
                        self._functions.setdefault((node.lineno, "<lambda>"), []).append(node)


def first_line(node: ast.AST) -> int:
    """Return the line where a statement starts, its decorators included."""
    lines: list[int] = [decorator.lineno for decorator in getattr(node, "decorator_list", ())]
    own: int = getattr(node, "lineno", 1)
    return min([own, *lines])


def _extent(node: FunctionNode) -> tuple[int, int]:
    last = node.end_lineno or node.lineno
    return last - node.lineno, (node.end_col_offset or 0) - (node.col_offset if last == node.lineno else 0)


def _holds(node: FunctionNode, code: CodeType) -> bool:
    """Say whether all positions of a code object lie inside a node; several lambdas can start on one line."""
    start, end = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
    for line, end_line, column, end_column in code.co_positions():
        if line is None or end_line is None or column is None or end_column is None or column == end_column == 0:
            continue
        if (line, column) < start or (end_line, end_column) > end:
            return False
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return list(code.co_varnames[: len(names)]) == names and code.co_argcount == len(names)


def _statement(node: ast.stmt) -> Statement:
    found = Statement(node)
    _gather(node, found)
    return found


def _gather(node: ast.AST, found: Statement) -> None:
    """Note what a statement binds and changes; function and class bodies run in scopes of their own."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        found.binds.add(node.name)
        for decorator in node.decorator_list:
            _gather(decorator, found)
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.Import):
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            found.binds.add(bound)
            found.imports[bound] = ImportTarget(alias.name, 0, None if alias.asname else "", node.lineno)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            found.binds.add(alias.asname or alias.name)
            found.imports[alias.asname or alias.name] = ImportTarget(
                node.module or "", node.level, alias.name, node.lineno
            )
    elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        found.binds.add(node.id)
    elif (isinstance(node, ast.ExceptHandler) and node.name) or (
        isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name
    ):
        found.binds.add(node.name)
    elif isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        _change(node, found)
    elif isinstance(node, ast.Call):
        # 'X.append(1)' may change X, and so may 'fill(X)'.
        for part in (node.func, *node.args, *(keyword.value for keyword in node.keywords)):
            _change(part, found)
    for child in ast.iter_child_nodes(node):
        _gather(child, found)


def _change(node: ast.AST, found: Statement) -> None:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    if isinstance(node, ast.Name):
        found.changes.add(node.id)


def distinct(statements: Iterable[Statement]) -> list[Statement]:
    """Return the statements in order, each once."""
    found = {id(statement): statement for statement in statements}
    return sorted(found.values(), key=lambda statement: statement.node.lineno)
