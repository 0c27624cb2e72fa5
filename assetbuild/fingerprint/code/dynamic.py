"""What no name shows: environment reads, ``eval``, computed ``getattr`` and imports.

In: the calls and lookups that a unit makes. Out: on its node, the environment variables it
reads by a constant name, and where it does something that cannot be told by its names, the
whole module instead, with the reason.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from assetbuild.fingerprint.code.components import Node
from assetbuild.fingerprint.code.model import Widened
from assetbuild.fingerprint.code.modules import Meaning, Unloadable, View
from assetbuild.fingerprint.code.names import Access, Chain, ImportTarget, chain_of

if TYPE_CHECKING:
    from assetbuild.fingerprint.code.walk import Walk

__all__ = ["COMPUTED", "add_dynamic", "environment_names"]

COMPUTED: Final = ""
"""Stands for an environment variable that is read by a computed name."""

_WIDENING_BUILTINS: Final = frozenset({"eval", "exec", "compile", "globals"})
_IMPORTERS: Final = frozenset(
    {"importlib.import_module", "importlib.__import__", "builtins.__import__", "importlib.reload"}
)
_ENVIRONMENT: Final = frozenset({"os.environ", "os.environb"})
_ENVIRONMENT_CALLS: Final = frozenset(
    {f"{name}.{method}" for name in _ENVIRONMENT for method in ("get", "pop", "setdefault", "__getitem__")}
    | {"os.getenv", "os.getenvb"}
)
_EXPANDING_CALLS: Final = frozenset({"os.path.expandvars", "posixpath.expandvars"})
_EXPANDED: Final = re.compile(r"\$(?:(\w+)|\{([^}]*)\})", re.ASCII)
"""A variable as ``expandvars`` finds it."""


def environment_names(
    walk: Walk, access: Access, dotted: str, view: View | None, namespace: Mapping[str, Any]
) -> frozenset[str]:
    """Return the environment variables that an access reads; ``COMPUTED`` stands for one that cannot be told."""
    expands = access.is_call and dotted in _EXPANDING_CALLS
    if not expands and dotted not in (_ENVIRONMENT_CALLS if access.is_call else _ENVIRONMENT):
        return frozenset()
    text = _constant_text(walk, access.arguments[0], view, namespace) if access.arguments else None
    if expands and text is not None:
        return frozenset(name or braced for name, braced in _EXPANDED.findall(text))
    return frozenset([text or COMPUTED])


def add_dynamic(
    walk: Walk, node: Node, access: Access, view: View | None, namespace: Mapping[str, Any], cells: Mapping[str, Any]
) -> None:
    """Add to a node what one call or lookup does beyond the names it uses."""
    chain = access.chain
    dotted = walk.environment.dotted(chain, view, namespace, cells)
    if dotted is None:
        return
    names = environment_names(walk, access, dotted, view, namespace)
    if names:
        if COMPUTED in names:
            _note(node, "reads an environment variable by a computed name; declare it with env=[...]", chain.line)
        node.env |= names - {COMPUTED}
        return
    if not access.is_call:
        if dotted == "sys.modules":
            _add_import(walk, node, access, view, namespace, "looks up sys.modules")
        return
    if dotted.removeprefix("builtins.") in _WIDENING_BUILTINS and dotted.startswith("builtins."):
        widen(walk, node, view, f"calls {chain.root}()", chain.line)
    elif dotted == "builtins.getattr" and len(access.arguments) > 1:
        if not isinstance(access.arguments[1], ast.Constant):
            widen(walk, node, view, "calls getattr() with a computed name", chain.line)
    elif dotted in {"operator.attrgetter", "operator.methodcaller"}:
        if not all(isinstance(argument, ast.Constant) for argument in access.arguments[:1]):
            widen(walk, node, view, f"calls {dotted}() with a computed name", chain.line)
    elif dotted in _IMPORTERS:
        _add_import(walk, node, access, view, namespace, f"calls {dotted.rpartition('.')[2]}() with a computed name")
    elif dotted in {"inspect.getsource", "inspect.getsourcelines"} and view is not None:
        walk.add_source_bytes(node, view)
        _note(node, f"calls {dotted}(), so the text of its file counts", chain.line)


def widen(walk: Walk, node: Node, view: View | None, reason: str, line: int) -> None:
    """Count everything that the module reaches, and say why."""
    _note(node, reason, line)
    if view is not None:
        node.point("module", walk.whole.module_node(view))


def _note(node: Node, reason: str, line: int) -> None:
    node.widened.append(Widened(node.name, reason, node.file, line or node.line))


def _add_import(
    walk: Walk, node: Node, access: Access, view: View | None, namespace: Mapping[str, Any], reason: str
) -> None:
    """Follow an import by name: a constant one exactly, a computed one to all that it may mean."""
    if not access.arguments:
        return
    argument = access.arguments[0]
    constant = _constant_text(walk, argument, view, namespace)
    if constant is None and isinstance(argument, ast.Name) and argument.id == "__name__" and view is not None:
        constant = view.name
    if constant is not None:
        level = len(constant) - len(constant.lstrip("."))
        target = ImportTarget(constant.lstrip("."), level, None, access.chain.line)
        module = walk.modules.absolute(target, view)
        if module is not None and not walk.modules.is_internal(module):
            node.point(f"import {constant}", walk.foreign.external(module, ""))
        elif module is not None:
            node.point("imported", walk.whole.loaded_module_node(module))
        return
    widen(walk, node, view, reason, access.chain.line)
    prefix = _prefix(argument)
    if prefix.startswith(".") and view is not None:
        target = ImportTarget(prefix.lstrip("."), len(prefix) - len(prefix.lstrip(".")), None, 0)
        prefix = walk.modules.absolute(target, view) or ""
    if prefix and not walk.modules.is_internal(prefix):
        node.point(f"import {prefix}", walk.foreign.external(prefix, ""))
        return
    for part in walk.whole.package_nodes(prefix):
        node.point("imported", part)


def _prefix(argument: ast.expr) -> str:
    """Return the constant package that a computed module name starts with: ``plugins`` of ``f"plugins.{name}"``."""
    while isinstance(argument, ast.BinOp):
        argument = argument.left
    if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Attribute):
        argument = argument.func.value
    if isinstance(argument, ast.JoinedStr) and argument.values:
        argument = argument.values[0]
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        constant = argument.value.partition("{")[0].partition("%")[0]
        stem, dot, _ = constant.rpartition(".")
        return stem or dot
    return ""


def _constant_text(walk: Walk, node: ast.expr, view: View | None, namespace: Mapping[str, Any]) -> str | None:
    """Return the text that an expression is known to be: a constant, or a global that holds one."""
    if isinstance(node, ast.Constant):
        value: object = node.value
        if isinstance(value, bytes):
            return os.fsdecode(value)
        return value if isinstance(value, str) else None
    found = chain_of(node)
    if found is None:
        return None
    root, attributes = found
    meaning = walk.modules.resolve(Chain(root, attributes, 0), view, namespace)
    if (
        isinstance(meaning, Meaning)
        and type(meaning.value) is str
        and (not attributes or meaning.name == attributes[-1])
    ):
        return meaning.value
    return None


def describe_unloadable(found: Unloadable) -> str:
    """Say what happens to a first-party module that does not load."""
    return f"imports {found.module}, which does not load; its whole file counts"
