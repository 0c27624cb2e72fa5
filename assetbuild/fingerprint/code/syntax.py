"""Questions about a syntax tree: what a decorator is called, what an annotation says, who may read it."""

from __future__ import annotations

import ast
import copy
from typing import Final

__all__ = [
    "INERT_DECORATORS",
    "decorator_name",
    "is_annotated_class",
    "is_main_guard",
    "parsed_annotation",
    "plain_bases",
]

INERT_DECORATORS: Final = frozenset(
    [
        "abstractmethod",
        "asset",
        "asynccontextmanager",
        "cache",
        "cached_property",
        "classmethod",
        "contextmanager",
        "deleter",
        "final",
        "getter",
        "lru_cache",
        "multi_asset",
        "override",
        "overload",
        "property",
        "setter",
        "source",
        "staticmethod",
        "total_ordering",
        "wraps",
    ]
)
"""Decorators that are known not to read annotations."""


def plain_bases(node: ast.ClassDef) -> list[ast.expr]:
    """Return the bases of a class without ``object``, which says nothing."""
    return [base for base in node.bases if not (isinstance(base, ast.Name) and base.id == "object")]


def is_annotated_class(node: ast.ClassDef) -> bool:
    """Say whether a class's annotations may be read: by a decorator, a base or a metaclass."""
    return bool(node.decorator_list or plain_bases(node) or node.keywords)


def parsed_annotation(node: ast.expr) -> ast.expr:
    """Return an annotation with its quoted parts parsed: ``list["Item"]`` is ``list[Item]``."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        return node
    return _Unquoted().visit(copy.deepcopy(node))  # type: ignore[no-any-return]


class _Unquoted(ast.NodeTransformer):
    """Parses the strings of an annotation, except those that are data."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, str):
            try:
                return ast.parse(node.value.strip(), mode="eval").body
            except SyntaxError:
                return node
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        name = decorator_name(node.value)
        if name == "Literal":
            return node
        if name == "Annotated" and isinstance(node.slice, ast.Tuple) and node.slice.elts:
            node.slice.elts[0] = self.visit(node.slice.elts[0])
            return node
        return self.generic_visit(node)  # type: ignore[return-value]


def decorator_name(node: ast.expr) -> str:
    """Return the last name of a decorator: ``wraps`` of ``@functools.wraps(f)``."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def is_main_guard(node: ast.stmt) -> bool:
    """Return whether a statement is ``if __name__ == "__main__":``, of which nothing runs at import."""
    return isinstance(node, ast.If) and not node.orelse and ast.unparse(node.test) == "__name__ == '__main__'"
