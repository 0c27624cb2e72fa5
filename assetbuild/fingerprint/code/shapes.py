"""What the statements of a file look like from outside: where they, and the bodies of functions, begin and end.

In: the syntax tree of a file. Out: three numbers for each statement, which stay when the tree goes.
"""

from __future__ import annotations

import ast
from array import array
from collections.abc import Iterator
from itertools import chain
from typing import TypeAlias

__all__ = ["Shape", "Shapes", "first_line", "shape_of"]

Shape: TypeAlias = tuple[str, int, int, int]
"""What a statement looks like from outside: its name when it is a function, and the lines where it begins and ends, and
where a function's body begins after the docstring; 0 where that is no line of its own."""


class Shapes:
    """The shapes of the module-level statements of a file, in order."""

    __slots__ = ("_lines", "_names")

    def __init__(self, tree: ast.Module) -> None:
        """Take the tree, and keep nothing of it."""
        shapes = [shape_of(node) for node in tree.body]
        self._names = [shape[0] for shape in shapes]
        self._lines = array("L", chain.from_iterable(shape[1:] for shape in shapes))

    def __iter__(self) -> Iterator[Shape]:
        """Return the shapes."""
        lines = iter(self._lines)
        return zip(self._names, lines, lines, lines, strict=True)


def first_line(node: ast.AST) -> int:
    """Return the line where a statement starts, its decorators included."""
    lines: list[int] = [decorator.lineno for decorator in getattr(node, "decorator_list", ())]
    own: int = getattr(node, "lineno", 1)
    return min([own, *lines])


def shape_of(node: ast.stmt) -> Shape:
    """Return the shape of a statement."""
    first, last = first_line(node), node.end_lineno or node.lineno
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return "", first, last, 0
    return node.name, first, last, _body_begins(node)


def _body_begins(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body
    if (
        isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    ):
        before, body = body[0].end_lineno or 0, body[1:]
    else:
        given = node.args
        parts = (
            *given.posonlyargs, *given.args, *given.kwonlyargs, *given.defaults, *given.kw_defaults, given.vararg,
            given.kwarg, node.returns,
        )  # fmt: skip
        before = max([node.lineno, *(part.end_lineno or 0 for part in parts if part is not None)])
    return before + 1 if body and first_line(body[0]) > before else 0
