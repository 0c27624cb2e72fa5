"""Functions as units: the tree of the body, and what its names, defaults, cells and attributes stand for.

In: a function object. Out: its node. The object says what was captured and
patched; the tree says which names are used and how. Neither alone is enough.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from assetbuild.fingerprint.code.components import Node
from assetbuild.fingerprint.code.index import FunctionNode
from assetbuild.fingerprint.code.model import Widened
from assetbuild.fingerprint.code.modules import Meaning, View
from assetbuild.fingerprint.code.names import Chain, chain_of
from assetbuild.fingerprint.code.syntax import INERT_DECORATORS, decorator_name, parsed_annotation
from assetbuild.fingerprint.encoding import Encodable, digest

if TYPE_CHECKING:
    from assetbuild.fingerprint.code.walk import Walk

__all__ = ["build_function", "is_config"]

_OWN_ATTRIBUTES = frozenset(
    {"__wrapped__", "__doc__", "__module__", "__name__", "__qualname__", "__isabstractmethod__"}
)


def build_function(walk: Walk, node: Node, function: types.FunctionType, *, is_asset: bool) -> None:
    """Fill the node of a first-party function."""
    code = function.__code__
    index = walk.modules.index(code.co_filename)
    view = walk.modules.view(function.__globals__)
    tree = index.function(code) if index is not None else None
    if index is None or tree is None:
        _build_generated(walk, node, function)
        return
    walk.place(node, index, tree)
    annotations = _annotations_are_read(walk, view, tree)
    node.own = digest("code-function", walk.normalised_function(tree, annotations=annotations))
    names = walk.names_of_function(tree, index, annotations=annotations)
    cells = _cells(function)
    walk.add_names(node, names, view, function.__globals__, cells=cells)
    if "__class__" in cells:
        node.point("__class__", walk.code_node(cells["__class__"]))
    _add_defaults(walk, node, function, tree, view)
    for name, value in sorted(vars(function).items()):
        if name == "__wrapped__" or name not in _OWN_ATTRIBUTES:
            node.point(f"attribute {name}", walk.captured(node, name, value, "attribute"))
    _add_parameter_classes(walk, node, tree, function, view, is_asset=is_asset)


def _cells(function: types.FunctionType) -> dict[str, Any]:
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not yet bound
            continue
    return found


def _add_defaults(
    walk: Walk, node: Node, function: types.FunctionType, tree: FunctionNode | None, view: View | None
) -> None:
    """Tell default values by value; one that is read from the environment by what it reads."""
    code = function.__code__
    defaults = function.__defaults__ or ()
    positional = code.co_varnames[: code.co_argcount]
    pairs = list(zip(positional[len(positional) - len(defaults) :], defaults, strict=False))
    pairs += sorted((function.__kwdefaults__ or {}).items())
    written = _written_defaults(tree.args) if tree is not None else {}
    for name, value in pairs:
        said = written.get(name)
        if view is not None and said is not None and walk.environment.reads_environment([said], view):
            node.point(f"default {name}", walk.expression_node(node, name, said, view))
        else:
            node.point(f"default {name}", walk.captured(node, name, value, "default"))


def _written_defaults(arguments: ast.arguments) -> dict[str, ast.expr]:
    """Return the default expressions that are more than a constant, by parameter."""
    positional = [*arguments.posonlyargs, *arguments.args]
    first = len(positional) - len(arguments.defaults)
    pairs = [*zip(positional[first:], arguments.defaults, strict=True)]
    pairs += [(name, said) for name, said in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if said]
    return {argument.arg: said for argument, said in pairs if not isinstance(said, ast.Constant)}


def _annotations_are_read(walk: Walk, view: View | None, tree: FunctionNode) -> bool:
    """Say whether a decorator of another library may read this function's annotations."""
    for decorator in getattr(tree, "decorator_list", ()):
        if decorator_name(decorator) in INERT_DECORATORS:
            continue
        if not walk.foreign.is_first_party_callee(decorator, view):
            return True
    return False


def _add_parameter_classes(
    walk: Walk, node: Node, tree: FunctionNode, function: types.FunctionType, view: View | None, *, is_asset: bool
) -> None:
    """Follow the first-party classes that an asset's parameters are annotated with.

    The values come from outside (config, another asset, a resource), and their methods run as part of this asset.
    """
    arguments = tree.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if argument.annotation is None:
            continue
        for found in _classes_named(walk, argument.annotation, function, view):
            if is_config(found):
                node.point(f"parameter {argument.arg}", walk.config_class_node(found))
            elif is_asset:
                node.point(f"parameter {argument.arg}", walk.code_node(found))


def _classes_named(walk: Walk, annotation: ast.expr, function: types.FunctionType, view: View | None) -> list[type]:
    found = []
    cells = _cells(function)
    for part in _names_in(parsed_annotation(annotation)):
        if (chain := chain_of(part)) is not None:
            if chain[0] in cells:
                meaning: Any = cells[chain[0]]
            else:
                resolved = walk.modules.resolve(Chain(chain[0], chain[1], 0), view, function.__globals__)
                meaning = resolved.value if isinstance(resolved, Meaning) else None
            if isinstance(meaning, type) and walk.is_first_party_class(meaning):
                found.append(meaning)
    return found


def _names_in(annotation: ast.expr) -> Iterator[ast.expr]:
    """Yield the names of an annotation, each chain also without its last attributes."""
    if chain_of(annotation) is None:
        yield from (part for part in ast.walk(annotation) if isinstance(part, (ast.Name, ast.Attribute)))
        return
    yield annotation
    while isinstance(annotation, ast.Attribute):
        annotation = annotation.value
        yield annotation


def is_config(cls: type) -> bool:
    """Say whether a class is a ``Config``: its fields are settings and not code."""
    return any(base.__module__ == "assetbuild.declare.config" and base.__name__ == "Config" for base in cls.__mro__)


def _build_generated(walk: Walk, node: Node, function: types.FunctionType) -> None:
    """Fill the node of a function that was made by ``exec`` or by a generator of code: no source tells it."""
    code = function.__code__
    node.own = digest("code-generated", _code_structure(code))
    node.widened.append(Widened(node.name, "made at run time, so its compiled code counts", node.file, node.line))
    cells = _cells(function)
    for name in sorted({*code.co_names, *code.co_freevars}):
        chain = Chain(name, (), 0)
        walk.add_chain(node, chain, walk.modules.view(function.__globals__), function.__globals__, cells)
    _add_defaults(walk, node, function, None, None)


def _code_structure(code: types.CodeType) -> Encodable:
    constants: list[Encodable] = [
        _code_structure(constant) if isinstance(constant, types.CodeType) else repr(constant)
        for constant in code.co_consts
        if not isinstance(constant, frozenset)
    ]
    return [code.co_code, list(code.co_names), list(code.co_varnames), list(code.co_freevars), constants]
