"""Code of other libraries: a node for each thing that is used of them, and the way back to the user's own code.

In: modules, functions and classes of the standard library and of distributions. Out: nodes that name them
as they are imported, with the distribution; a wrapper that a library put around the user's function leads on to it.
"""

from __future__ import annotations

import ast
import sys
import types
from typing import TYPE_CHECKING, Final

from assetbuild.fingerprint.code.components import Node
from assetbuild.fingerprint.code.modules import External, Meaning, View
from assetbuild.fingerprint.code.names import Chain, chain_of
from assetbuild.fingerprint.code.source import OWN_PACKAGES
from assetbuild.fingerprint.code.values import OpaqueError
from assetbuild.fingerprint.encoding import Encodable, digest

if TYPE_CHECKING:
    from assetbuild.fingerprint.code.walk import Walk

__all__ = ["WATCHES", "Foreign"]

WATCHES: Final = "_assetbuild_watches"
"""The attribute of a function that stands for another while definitions are loaded: that other one."""


class Foreign:
    """Nodes of other libraries' code."""

    def __init__(self, walk: Walk) -> None:
        """Take the walk that asks."""
        self._walk = walk
        self._externals: dict[tuple[str, str], Node | None] = {}

    def external(self, module: str, name: str) -> Node | None:
        """Return the node of something of another library; None for assetbuild's own."""
        top = module.partition(".")[0]
        if top in OWN_PACKAGES:
            return None
        key = (module, name)
        if key not in self._externals:
            self._externals[key] = self._new_external(module, top, name)
        return self._externals[key]

    def _new_external(self, module: str, top: str, name: str) -> Node:
        own: list[Encodable] = [_public(module), name]
        node = Node("external", f"{module}.{name}".rstrip("."), top)
        if top not in sys.stdlib_module_names and not self._walk.modules.is_internal(module):
            distribution = self._walk.packages.of_module(module)
            if distribution is not None:
                node.packages[distribution.name] = self._walk.packages.version(distribution)
            else:
                own.append(self._walk.packages.content(module))
        elif self._walk.modules.is_internal(module):  # a compiled extension below the project
            own.append(self._walk.packages.content(module))
        node.own = digest("code-external", own)
        return node

    def function_node(self, function: types.FunctionType) -> Node | None:
        """Return the node of another library's function; one that wraps the user's own leads on to it."""
        if (watched := function.__dict__.get(WATCHES)) is not None:
            return self._walk.code_node(watched)
        # Not __module__ and __qualname__: 'wraps' gives those of the wrapped function to the wrapper.
        node = self.external(str(function.__globals__.get("__name__", "")), function.__code__.co_qualname)
        if node is None or not (function.__closure__ or function.__dict__):
            return node
        link = Node("link", own="foreign function")
        link.point("function", node)
        if hasattr(function, "registry") and hasattr(function, "dispatch"):  # functools.singledispatch
            for cls, handler in function.registry.items():
                link.point("handler", self._pair(cls, handler))
            return link
        inner = [cell.cell_contents for cell in function.__closure__ or () if _is_bound(cell)]
        inner += [
            value for name, value in function.__dict__.items() if not name.startswith("_") or name == "__wrapped__"
        ]
        for place, value in enumerate(inner):
            if value is function:
                continue
            try:
                link.point(f"captured {place}", self._walk.strict_value(link, f"captured {place}", value))
            except OpaqueError:
                continue
            if isinstance(value, types.FunctionType) and self._walk.is_first_party_function(value):
                self._add_decorators(link, value)
        return link

    def _pair(self, cls: object, handler: object) -> Node:
        pair = Node("link", own="pair")
        pair.point("type", self._walk.captured(pair, "type", cls, "type"))
        pair.point("handler", self._walk.captured(pair, "handler", handler, "handler"))
        return pair

    def _add_decorators(self, node: Node, function: types.FunctionType) -> None:
        """Tell the decorators of a function that another library wrapped: their arguments are out of sight."""
        index = self._walk.modules.index(function.__code__.co_filename)
        view = self._walk.modules.view(function.__globals__)
        tree = index.function(function.__code__) if index is not None else None
        decorators = [part for part in getattr(tree, "decorator_list", ()) if not self.is_own(part, view)]
        if view is not None and decorators:
            said = Node("link", own=digest("code-decorators", [self._walk.normalised(part) for part in decorators]))
            node.point("decorators", said)
            self._walk.add_statement_names(said, decorators, view)

    def is_own(self, decorator: ast.expr, view: View | None) -> bool:
        """Say whether a decorator is assetbuild's own: what it says is versioned elsewhere."""
        found = chain_of(decorator.func if isinstance(decorator, ast.Call) else decorator)
        if found is None or view is None:
            return False
        meaning = self._walk.modules.resolve(Chain(found[0], found[1], 0), view, view.namespace)
        if isinstance(meaning, Meaning):  # functools.partial(asset, group="raw")
            inner = getattr(meaning.value, "func", meaning.value)
            return str(getattr(inner, "__module__", "")).partition(".")[0] in OWN_PACKAGES
        return isinstance(meaning, External) and meaning.module.partition(".")[0] in OWN_PACKAGES

    def is_first_party_callee(self, decorator: ast.expr, view: View | None) -> bool:
        """Say whether a decorator is first-party code, or assetbuild's own."""
        found = chain_of(decorator.func if isinstance(decorator, ast.Call) else decorator)
        if found is None or view is None:
            return False
        meaning = self._walk.modules.resolve(Chain(found[0], found[1], 0), view, view.namespace)
        if isinstance(meaning, External):
            return meaning.module.partition(".")[0] in OWN_PACKAGES
        return isinstance(meaning, Meaning)


def _public(module: str) -> str:
    """Return a module's name without private parts: where a library keeps a thing inside is its own affair."""
    parts = [part for part in module.split(".") if not part.startswith("_")]
    return ".".join(parts) or module.lstrip("_")


def _is_bound(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
