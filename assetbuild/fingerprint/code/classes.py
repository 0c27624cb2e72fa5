"""Classes as units: what the class holds now, and of its source what the members cannot tell.

In: a class object. Out: its node. Members count as they are after loading, so
what a decorator, a metaclass or a patch put there is seen. The statements of the
body that leave no plain value (descriptors, fields of a model) count as source. The
fields of a ``Config`` are settings, not code; its methods are code.
"""

from __future__ import annotations

import ast
import enum
import sys
import types
from typing import TYPE_CHECKING

from assetbuild.fingerprint.code.components import Node
from assetbuild.fingerprint.code.model import Widened
from assetbuild.fingerprint.code.modules import View
from assetbuild.fingerprint.code.syntax import is_annotated_class, plain_bases
from assetbuild.fingerprint.code.values import OpaqueError
from assetbuild.fingerprint.encoding import Encodable, digest

if TYPE_CHECKING:
    from assetbuild.fingerprint.code.walk import Walk

__all__ = ["build_class"]

_NEVER = frozenset(
    [
        "__module__",
        "__doc__",
        "__dict__",
        "__weakref__",
        "__qualname__",
        "__firstlineno__",
        "__static_attributes__",
        "__annotations__",
        "__annotate__",
        "__annotate_func__",
        "__annotations_cache__",
        "__orig_bases__",
        "__parameters__",
        "__match_args__",
        "__hash__",
        "__abstractmethods__",
        "_abc_impl",
        "__conditional_annotations__",
    ]
)


def build_class(walk: Walk, node: Node, cls: type, *, is_settings: bool) -> None:
    """Fill the node of a first-party class."""
    module = sys.modules.get(cls.__module__)
    view = walk.modules.view(module.__dict__) if isinstance(module, types.ModuleType) else None
    index = view.index if view is not None else None
    tree = index.class_(cls) if index is not None else None
    own: list[Encodable] = []
    if walk.keep.names:
        own.append(cls.__name__)
    for place, base in enumerate(cls.__bases__):
        if base is not object:
            node.point(f"base {place}", _base_node(walk, base, is_settings=is_settings))
    if walk.is_first_party_class(type(cls)):
        node.point("metaclass", walk.code_node(type(cls)))
    told: set[str] = set()
    if issubclass(cls, enum.Enum):
        told = _add_enum(walk, node, cls, own)
    if tree is not None and index is not None and view is not None:
        walk.place(node, index, tree)
        told |= _add_source(walk, node, cls, tree, view, own, is_settings=is_settings)
    else:
        _add_generated(walk, node, cls, own)
    _add_patched(walk, node, cls, told)
    if index is not None and b"__subclasses__" in index.source.data:
        subclasses: list[type] = type.__subclasses__(cls)
        for subclass in subclasses:
            node.point("subclass", walk.code_node(subclass) if walk.is_first_party_class(subclass) else None)
    node.own = digest("code-class", own)


def _base_node(walk: Walk, base: type, *, is_settings: bool) -> Node | None:
    if is_settings and walk.is_first_party_class(base):
        return walk.config_class_node(base)
    return walk.code_node(base)


def _add_enum(walk: Walk, node: Node, cls: type[enum.Enum], own: list[Encodable]) -> set[str]:
    """Tell the members of an enum in order, aliases included; return every name that this covers."""
    own.append(list(cls.__members__))
    for name, member in cls.__members__.items():
        node.point(f"member {name}", walk.captured(node, f"{cls.__qualname__}.{name}", member._value_, "member"))
    hidden = {name for name in vars(cls) if name.startswith("_") and not callable(vars(cls)[name])}
    return set(cls.__members__) | hidden | {"_generate_next_value_", "_new_member_", "__new__", "_member_type_"}


def _add_source(  # noqa: PLR0913  # one step of build_class, with all that it has found
    walk: Walk, node: Node, cls: type, tree: ast.ClassDef, view: View, own: list[Encodable], *, is_settings: bool
) -> set[str]:
    """Tell what the source says; return the names of the members that this covers."""
    header: list[ast.AST] = [*plain_bases(tree), *(keyword for keyword in tree.keywords), *tree.decorator_list]
    own.append([walk.normalised(part) for part in header])
    walk.add_statement_names(node, [k.value if isinstance(k, ast.keyword) else k for k in header], view)
    told: set[str] = set(cls.__members__) if isinstance(cls, enum.EnumMeta) else set()
    read = walk.keep.annotations or is_annotated_class(tree)
    rest: list[ast.stmt] = []
    for statement in tree.body:
        if isinstance(statement, ast.AnnAssign) and read and not (is_settings and _is_field(statement)):
            own.append(["field", walk.normalised(statement.target), walk.normalised_annotation(statement)])
            walk.add_annotation_names(node, statement.annotation, view)
        names = _bound(statement)
        if is_settings and _is_field(statement):
            told |= names
            _tell_volatile(walk, node, statement, view)
        elif not names or not _tell_members(walk, node, cls, names - told, statement, view):
            rest.append(statement)
            told |= names
        else:
            told |= names
    if walk.keep.docstrings:
        own.append(["doc", cls.__doc__])
    own.append(walk.normalised_statements(rest))
    walk.add_statement_names(node, list(rest), view, left_out=vars(cls))
    return told


def _tell_volatile(walk: Walk, node: Node, statement: ast.stmt, view: View) -> None:
    value = statement.value if isinstance(statement, ast.AnnAssign) else None
    if value is not None and walk.environment.is_volatile(value, view):
        reason = "its default is made from the time, chance or this machine, so it moves with each new load"
        name = next(iter(_bound(statement)))
        node.widened.append(Widened(f"config {name}", reason, node.file, statement.lineno))


def _is_field(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
        return False
    return not statement.target.id.startswith("_") and "ClassVar" not in ast.dump(statement.annotation)


def _bound(statement: ast.stmt) -> set[str]:
    """Return the names that a plain statement of a class body binds; nothing for compound statements."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return {statement.target.id}
    if isinstance(statement, ast.Assign):
        names = [part for target in statement.targets for part in ast.walk(target)]
        return {part.id for part in names if isinstance(part, ast.Name)}
    return set()


def _tell_members(walk: Walk, node: Node, cls: type, names: set[str], statement: ast.stmt, view: View) -> bool:
    """Tell the members that a statement binds by their values; return whether that tells all of it."""
    if isinstance(statement, ast.AnnAssign) and statement.value is None:
        return True
    if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        if isinstance(cls, enum.EnumMeta) and names <= set(cls.__members__):
            return True
        if walk.environment.reads_environment([statement], view):
            return False
    members = vars(cls)
    found = []
    for name in sorted(names):
        mangled = f"_{cls.__name__.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name
        if mangled not in members:
            return False
        try:
            found.append((name, walk.strict_value(node, f"{cls.__qualname__}.{name}", members[mangled])))
        except OpaqueError:
            return False
    for name, value in found:
        node.point(f"member {name}", value)
    return True


def _add_generated(walk: Walk, node: Node, cls: type, own: list[Encodable]) -> None:
    """Tell a class that no ``class`` statement made: ``make_dataclass``, ``create_model``, ``type(...)``."""
    fields = getattr(cls, "__dataclass_fields__", None) or getattr(cls, "__pydantic_fields__", None) or {}
    for name, field in fields.items():
        own.append(["field", name, str(getattr(field, "type", None) or getattr(field, "annotation", None))])
        for part in ("default", "default_factory"):
            value = getattr(field, part, None)
            if type(value).__name__ not in {"_MISSING_TYPE", "PydanticUndefinedType"}:
                node.point(f"{part} {name}", walk.captured(node, f"{cls.__qualname__}.{name}", value, part))


def _add_patched(walk: Walk, node: Node, cls: type, told: set[str]) -> None:
    """Tell members that the source of the class does not bind: patched in, or put there by a decorator."""
    for name, value in sorted(vars(cls).items()):
        plain = name.removeprefix(f"_{cls.__name__.lstrip('_')}") if name.startswith("_") else name
        if name in told or plain in told or name in _NEVER or name.startswith("__pydantic_"):
            continue
        inner = getattr(value, "__func__", value)
        inner = getattr(inner, "fget", None) or getattr(inner, "func", None) or inner
        if isinstance(inner, types.FunctionType):
            if inner.__code__.co_filename not in walk.modules.files:  # generated, as by dataclass
                continue
        elif name.startswith("__") and name.endswith("__"):
            continue
        try:
            node.point(f"member {name}", walk.strict_value(node, f"{cls.__qualname__}.{name}", value))
        except OpaqueError:
            continue  # a descriptor or cache that a library put there
