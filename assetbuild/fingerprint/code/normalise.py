"""A syntax tree as canonical bytes: everything that can matter, nothing that cannot.

In: a node of ``ast``. Out: bytes that are equal exactly when the code means
the same up to comments, layout, quotes, parentheses, docstrings, unread
annotations and constant arithmetic, on every supported Python. The form:

    node      = "(" class name { " " field "=" value } ")"      fields sorted by name; None and [] are left out,
    list      = "[" { value } "]"                               so a field that a later Python adds changes nothing
    string    = "s" length ":" UTF-8                            length-prefixed: nothing needs to be quoted
    constant  = tag + payload                                   1, True, 1.0 and "1" all differ

Positions, contexts (Load, Store), type comments and the ``u`` of a string are never written.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Final

from assetbuild.dataclass import dataclass
from assetbuild.fingerprint.code.folding import UNFOLDED, fold
from assetbuild.fingerprint.code.syntax import (
    INERT_DECORATORS,
    decorator_name,
    is_annotated_class,
    parsed_annotation,
    plain_bases,
)

__all__ = ["NOTHING", "Keep", "Normaliser"]

_SKIPPED_FIELDS: Final = frozenset({"ctx", "kind", "type_comment", "type_ignores", "type_params", "simple"})


@dataclass(frozen=True, slots=True)
class Keep:
    """What is normally dropped and must be kept, because something in the closure reads it at run time."""

    docstrings: bool = False
    annotations: bool = False
    names: bool = False

    def __or__(self, other: Keep) -> Keep:
        """Keep what either keeps."""
        if other is NOTHING or other == self:
            return self
        return Keep(
            self.docstrings or other.docstrings, self.annotations or other.annotations, self.names or other.names
        )


NOTHING: Final = Keep()
"""What nearly all code keeps."""


class Normaliser:
    """Writes trees as canonical bytes; ``is_internal`` says whether an import statement names first-party code."""

    def __init__(self, keep: Keep, is_internal: Callable[[str, int], bool]) -> None:
        """Take what must be kept, and how imports are told apart."""
        self._keep = keep
        self._is_internal = is_internal
        self._out: list[bytes] = []

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, *, annotations: bool) -> bytes:
        """Return a function as a unit: its name, decorators and default values are told elsewhere."""
        kept = self._keep
        if annotations:
            self._keep = kept | Keep(annotations=True)
        out = self._out = []
        out.append(b"(" + type(node).__name__.encode())
        if self._keep.names and not isinstance(node, ast.Lambda):
            self._field("name", node.name)
        self._arguments(node.args, defaults=False)
        if isinstance(node, ast.Lambda):
            self._field("body", node.body)
        else:
            if self._keep.annotations:
                self._annotation("returns", node.returns)
            self._body("body", node.body, documented=True)
        out.append(b")")
        self._keep = kept
        return b"".join(out)

    def statements(self, nodes: Sequence[ast.stmt]) -> bytes:
        """Return statements as a unit."""
        self._out = []
        self._body("body", nodes)
        return b"".join(self._out)

    def expression(self, node: ast.AST | None) -> bytes:
        """Return one expression or statement."""
        self._out = []
        self._value(node)
        return b"".join(self._out)

    def annotation(self, node: ast.expr) -> bytes:
        """Return an annotation; a quoted one equals the same one without quotes."""
        return self.expression(parsed_annotation(node))

    # -- writing ---------------------------------------------------------------------------------------------

    def _value(self, value: Any) -> None:
        special = self._SPECIAL.get(type(value))
        if special is not None:
            special(self, value)
        elif type(value) is list:
            self._out.append(b"[")
            for item in value:
                self._value(item)
            self._out.append(b"]")
        elif isinstance(value, ast.AST):
            self._node(value)
        else:
            self._out.append(_constant(value))

    def _node(self, node: ast.AST) -> None:
        opening, fields = _shape(type(node))
        out = self._out
        out.append(opening)
        for name, label, is_body in fields:
            value = getattr(node, name, None)
            if type(value) is str:
                out.append(label + _constant(value))
            elif is_body and type(value) is list:
                self._body(name, value)
            elif value is not None and value != []:
                out.append(label)
                self._value(value)
        out.append(b")")

    def _name(self, node: ast.Name) -> None:
        self._out.append(b"(Name id=" + _constant(node.id) + b")")

    def _literal(self, node: ast.Constant) -> None:
        self._out.append(_constant(node.value))

    def _field(self, name: str, value: Any) -> None:
        if value is None or (type(value) is list and not value):
            return
        self._out.append(b" " + name.encode() + b"=")
        self._value(value)

    def _body(self, name: str, statements: Iterable[ast.stmt], *, documented: bool = False) -> None:
        kept = [node for node in statements if not _is_void(node)]
        doc = ast.get_docstring(_Documented(list(statements)), clean=False) if documented else None
        if doc is not None and self._keep.docstrings:
            self._field("doc", doc)
        self._field(name, kept)

    def _arguments(self, node: ast.arguments, *, defaults: bool) -> None:
        self._out.append(b" args=(arguments")
        for name in ("args", "kwarg", "kwonlyargs", "posonlyargs", "vararg"):
            self._field(name, getattr(node, name))
        if defaults:
            self._field("defaults", node.defaults)
            self._field("kw_defaults", node.kw_defaults)
        self._out.append(b")")

    def _argument(self, node: ast.arg) -> None:
        self._out.append(b"(arg")
        self._field("arg", node.arg)
        if self._keep.annotations:
            self._annotation("annotation", node.annotation)
        self._out.append(b")")

    def _annotation(self, name: str, node: ast.expr | None) -> None:
        if node is not None:
            self._field(name, parsed_annotation(node))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        kept = self._keep
        if any(decorator_name(decorator) not in INERT_DECORATORS for decorator in node.decorator_list):
            self._keep = kept | Keep(annotations=True)
        self._out.append(b"(" + type(node).__name__.encode())
        self._field("name", node.name)
        self._arguments(node.args, defaults=True)
        if self._keep.annotations:
            self._annotation("returns", node.returns)
        self._body("body", node.body, documented=True)
        self._field("decorator_list", node.decorator_list)
        self._out.append(b")")
        self._keep = kept

    def _class(self, node: ast.ClassDef) -> None:
        self._out.append(b"(ClassDef")
        self._field("name", node.name)
        self._field("bases", plain_bases(node))
        self._field("keywords", node.keywords)
        self._field("decorator_list", node.decorator_list)
        if self._keep.annotations or is_annotated_class(node):
            fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
            self._out.append(b" fields=[")
            for part in fields:
                self._value(part.target)
                self._value(parsed_annotation(part.annotation))
            self._out.append(b"]")
        self._body("body", node.body, documented=True)
        self._out.append(b")")

    def _annotated_assignment(self, node: ast.AnnAssign) -> None:
        # The annotation of a variable is never read; in a class it is written with the fields.
        self._out.append(b"(Assign targets=[")
        self._value(node.target)
        self._out.append(b"]")
        self._field("value", node.value)
        self._out.append(b")")

    def _return(self, node: ast.Return) -> None:
        nothing = isinstance(node.value, ast.Constant) and node.value.value is None
        self._out.append(b"(Return")
        self._field("value", None if nothing else node.value)
        self._out.append(b")")

    def _folded(self, node: ast.BinOp | ast.UnaryOp) -> None:
        value = fold(node)
        if value is UNFOLDED:
            self._node(node)
        else:
            self._out.append(_constant(value))

    def _set(self, node: ast.Set) -> None:
        if all(isinstance(item, ast.Constant) for item in node.elts):
            written = sorted({_constant(item.value) for item in node.elts if isinstance(item, ast.Constant)})
            self._out.append(b"(Set elts=[" + b"".join(written) + b"])")
        else:
            self._node(node)

    def _joined_string(self, node: ast.JoinedStr) -> None:
        # 3.12 rewrote the parser of f-strings: adjacent constants may or may not be joined, empty ones be there or not.
        parts: list[str | ast.expr] = []
        for value in node.values:
            if isinstance(value, ast.Constant):
                if parts and isinstance(parts[-1], str):
                    parts[-1] += str(value.value)
                else:
                    parts.append(str(value.value))
            else:
                parts.append(value)
        parts = [part for part in parts if part != ""]
        if all(isinstance(part, str) for part in parts):
            self._out.append(_constant("".join(str(part) for part in parts)))
            return
        self._out.append(b"(JoinedStr values=")
        self._value(parts)
        self._out.append(b")")

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            if self._is_internal(alias.name, 0):
                # Where a first-party module lies does not matter; what its names mean is told by their own versions.
                self._out.append(b"(Import bound=" + _constant(alias.asname or alias.name.partition(".")[0]) + b")")
            else:
                self._out.append(b"(Import name=" + _constant(alias.name) + b" as=" + _constant(alias.asname) + b")")

    def _import_from(self, node: ast.ImportFrom) -> None:
        internal = self._is_internal(node.module or "", node.level)
        for alias in node.names:
            bound = _constant(alias.asname or alias.name)
            if internal:
                self._out.append(b"(Import bound=" + bound + b")")
            else:
                self._out.append(
                    b"(ImportFrom as="
                    + bound
                    + b" module="
                    + _constant(node.module)
                    + b" name="
                    + _constant(alias.name)
                    + b")"
                )

    # Of the class and not of each object: bound methods would tie an object, and trees with it, into a cycle.
    _SPECIAL: ClassVar[dict[type[ast.AST], Callable[[Normaliser, Any], None]]] = {
        ast.Name: _name,
        ast.Constant: _literal,
        ast.JoinedStr: _joined_string,
        ast.BinOp: _folded,
        ast.UnaryOp: _folded,
        ast.Return: _return,
        ast.AnnAssign: _annotated_assignment,
        ast.FunctionDef: _function,
        ast.AsyncFunctionDef: _function,
        ast.ClassDef: _class,
        ast.arg: _argument,
        ast.Import: _import,
        ast.ImportFrom: _import_from,
        ast.Set: _set,
    }


_BODIES: Final = frozenset({"body", "orelse", "finalbody"})
_Shape = tuple[bytes, tuple[tuple[str, bytes, bool], ...]]
_shapes: dict[type[ast.AST], _Shape] = {}


def _shape(kind: type[ast.AST]) -> _Shape:
    """Return how a kind of node is written: its opening; for each field its name, label, and if it is a body."""
    shape = _shapes.get(kind)
    if shape is None:
        names = sorted(name for name in kind._fields if name not in _SKIPPED_FIELDS)
        fields = tuple((name, b" " + name.encode() + b"=", name in _BODIES) for name in names)
        shape = _shapes[kind] = (b"(" + kind.__name__.encode(), fields)
    return shape


class _Documented(ast.FunctionDef):
    """Just enough of a function for ``ast.get_docstring``."""

    def __init__(self, body: list[ast.stmt]) -> None:
        self.body = body


def _is_void(node: ast.stmt) -> bool:
    """Say whether a statement does nothing: ``pass``, a lone constant, an annotation without a value."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Pass) or (isinstance(node, ast.AnnAssign) and node.value is None)


def _constant(value: Any) -> bytes:
    kind = type(value)
    if kind is str:
        text: bytes = value.encode("utf-8", "surrogatepass")
        return b"s%d:" % len(text) + text
    if kind is bytes:
        return b"".join((b"y%d:" % len(value), value))
    if value is None:
        return b"N;"
    if value is ...:
        return b"E;"
    if kind is bool:
        return b"B1;" if value else b"B0;"
    if kind is int:
        return f"i{value:x};".encode()
    if kind is float:
        return f"f{value.hex()};".encode()
    if kind is complex:
        return f"c{value.real.hex()},{value.imag.hex()};".encode()
    message = f"a constant of type {kind.__name__} cannot be in a syntax tree"
    raise TypeError(message)
