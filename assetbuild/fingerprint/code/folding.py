"""Constant arithmetic as the compiler does it: ``60 * 60`` and ``3600`` are the same code."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any, Final

__all__ = ["UNFOLDED", "fold"]

UNFOLDED: Final = object()
"""Stands for an expression that is not constant."""
_LARGEST_FOLDED: Final = 4096

_BINARY: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}
_UNARY: Final[dict[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}


def fold(node: ast.AST) -> Any:
    """Return the value of constant arithmetic, as the compiler would compute it, or ``UNFOLDED``."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, (int, float, complex, str, bytes)) else UNFOLDED
    try:
        if isinstance(node, ast.UnaryOp):
            operand = fold(node.operand)
            return UNFOLDED if operand is UNFOLDED else _UNARY[type(node.op)](operand)
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            right = fold(node.right)  # first, because long chains nest on the left: 'a + b + c' gives up at 'c'
            if right is UNFOLDED:
                return UNFOLDED
            left = fold(node.left)
            if left is UNFOLDED or not _is_small(node.op, left, right):
                return UNFOLDED
            return _BINARY[type(node.op)](left, right)
    except (ArithmeticError, TypeError, ValueError):
        pass
    return UNFOLDED


def _is_small(op: ast.operator, left: Any, right: Any) -> bool:
    if isinstance(left, (str, bytes)) or isinstance(right, (str, bytes)):
        if isinstance(op, ast.Add):
            return True
        count = left if isinstance(left, int) else right
        text = right if isinstance(left, int) else left
        return isinstance(op, ast.Mult) and isinstance(count, int) and len(text) * count <= _LARGEST_FOLDED
    if isinstance(op, (ast.Pow, ast.LShift)) and isinstance(right, int):
        bits = left.bit_length() if isinstance(left, int) else 64
        return bits * abs(right) <= _LARGEST_FOLDED if isinstance(op, ast.Pow) else bits + right <= _LARGEST_FOLDED
    return True
