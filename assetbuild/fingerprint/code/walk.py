"""The walk from a function to everything that it reaches: one node for each function, class, value and statement.

Nodes are kept by the object that they stand for, so assets share what they
have in common. Building is queued and not recursive: a chain of a thousand helpers is fine.
A node that cannot be built carries its problems, and whoever reaches it reports them.
"""

from __future__ import annotations

import ast
import builtins
import functools
import os
import sys
import types
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

from assetbuild.errors import Problem
from assetbuild.fingerprint.code.bindings import Bindings
from assetbuild.fingerprint.code.classes import build_class
from assetbuild.fingerprint.code.components import Node
from assetbuild.fingerprint.code.display import value_text
from assetbuild.fingerprint.code.dynamic import add_dynamic, describe_unloadable
from assetbuild.fingerprint.code.effects import Effects
from assetbuild.fingerprint.code.environment import EnvironmentReads
from assetbuild.fingerprint.code.foreign import Foreign
from assetbuild.fingerprint.code.functions import build_function
from assetbuild.fingerprint.code.index import FileIndex, FunctionNode
from assetbuild.fingerprint.code.model import Widened
from assetbuild.fingerprint.code.modules import External, Meaning, Modules, Unloadable, View
from assetbuild.fingerprint.code.names import Chain, Names
from assetbuild.fingerprint.code.normalise import Keep, Normaliser
from assetbuild.fingerprint.code.packages import Packages
from assetbuild.fingerprint.code.scope import names_of_function, names_of_statements
from assetbuild.fingerprint.code.shapes import first_line
from assetbuild.fingerprint.code.syntax import parsed_annotation
from assetbuild.fingerprint.code.values import OpaqueError, encode_value
from assetbuild.fingerprint.code.whole import Whole
from assetbuild.fingerprint.encoding import digest

__all__ = ["Walk"]

_WAY_OUT = 'Make it inside the function, or take this asset\'s code version into your own hands with code_version="1".'
_IGNORED_GLOBALS = frozenset({"__builtins__", "__spec__", "__loader__", "__cached__", "__annotations__"})
_NAMES = 20
"""The functions whose names are remembered where syntax trees are not held."""
_SECRET_WORDS = ("password", "passwd", "secret", "token", "api_key", "apikey", "credential")


class Walk:
    """All nodes of one project, under one rule of what to keep."""

    def __init__(self, modules: Modules, packages: Packages, keep: Keep) -> None:
        """Take the modules, the packages, and what must be kept that is normally dropped."""
        self.modules = modules
        self.packages = packages
        self.keep = keep
        root, home = modules.first_party.root, os.path.expanduser("~")
        folders = [("project path", root), ("project path", os.path.realpath(root)), ("home path", home)]
        self.places = tuple((name, folder) for name, folder in folders if len(folder) > 1)
        self.nodes: dict[tuple[str, int], tuple[Node | None, object]] = {}
        self._names: dict[tuple[FunctionNode, bool], Names] = {}
        self.foreign = Foreign(self)
        self.whole = Whole(self)
        self.bindings = Bindings(self)
        self.environment = EnvironmentReads(self)
        self._effects = Effects(self)
        self.queue: list[Callable[[], None]] = []

    # -- roots -----------------------------------------------------------------------------------------------

    def asset_node(self, function: object) -> Node:
        """Return the built node of an asset's function, whatever kind of callable it is."""
        key = ("asset", id(function))
        if key not in self.nodes:
            root = Node("link", own="asset")
            self.nodes[key] = (root, function)
            if isinstance(function, types.FunctionType) and self.is_first_party_function(function):
                node: Node | None = self._function_node(function, is_asset=True)
            else:
                node = self.code_node(function)
                if node is None:
                    name = getattr(function, "__name__", type(function).__name__)
                    node = self.captured(root, name, function, "asset function")
            root.point("function", node)
            self.finish()
        return self.nodes[key][0]  # type: ignore[return-value]

    def forget_asset(self, function: object) -> None:
        """Forget the nodes of an asset's function."""
        for kind in ("asset", "asset function"):
            self.nodes.pop((kind, id(function)), None)

    def forget(self) -> None:
        """Forget all nodes and names; what a walk is made of refers to it, and would wait for a garbage collection."""
        self.nodes.clear()
        self._names.clear()

    def effect_nodes(self, libraries: set[str]) -> list[Node]:
        """Return the built nodes of what importing the project sets in these libraries."""
        nodes = self._effects.nodes(libraries)
        self.finish()
        return nodes

    def modules_with_effects(self) -> frozenset[str]:
        """Return the modules with statements that set something in a library."""
        return self._effects.modules()

    def class_root(self, cls: type) -> Node:
        """Return the built node of a class."""
        node = self.code_node(cls) or Node("link", own="class")
        self.finish()
        return node

    def finish(self) -> None:
        """Build all nodes that were met and not yet built."""
        while self.queue:
            self.queue.pop()()

    # -- objects ---------------------------------------------------------------------------------------------

    def code_node(self, value: object) -> Node | None:
        """Return the node of a function, class, module or asset; None when the object is not code."""
        if isinstance(value, type):
            return self._class_node(value)
        if isinstance(value, types.FunctionType):
            return self._function_node(value)
        kind = type(value)
        if kind.__module__ == "assetbuild.declare.definitions":
            return self._definition_node(value)
        if isinstance(value, types.ModuleType):
            view = self.modules.view(value.__dict__)
            return self.whole.module_node(view) if view is not None else self.foreign.external(value.__name__, "")
        if isinstance(value, types.BuiltinFunctionType) and (
            value.__self__ is None or isinstance(value.__self__, types.ModuleType)
        ):
            return self.foreign.external(str(value.__module__ or "builtins"), value.__qualname__)
        if kind in _DESCRIPTORS:
            owner = value.__objclass__  # type: ignore[attr-defined]
            return self.foreign.external(owner.__module__, f"{owner.__qualname__}.{value.__name__}")  # type: ignore[attr-defined]
        if kind.__name__ in _FOREIGN_FUNCTIONS:
            module = getattr(value, "__module__", None) or kind.__module__
            return self.foreign.external(
                str(module), str(getattr(value, "__qualname__", None) or getattr(value, "__name__", ""))
            )
        return None

    def is_first_party_function(self, function: types.FunctionType) -> bool:
        """Say whether a function was compiled from a first-party file, or made at run time by one."""
        file = function.__code__.co_filename
        if file in self.modules.files:
            return True
        if not file.startswith("<") or file.startswith("<frozen"):
            return False
        module = sys.modules.get(function.__module__ or "")
        return self.modules.view(function.__globals__) is not None or function.__globals__ is not getattr(
            module, "__dict__", None
        )

    def is_first_party_class(self, cls: type) -> bool:
        """Say whether a class belongs to a first-party module."""
        if cls.__module__ == "types":  # made by make_dataclass or new_class: whoever called it is not told
            return not hasattr(types, cls.__name__)
        module = sys.modules.get(cls.__module__)
        return isinstance(module, types.ModuleType) and self.modules.view(module.__dict__) is not None

    def _function_node(self, function: types.FunctionType, *, is_asset: bool = False) -> Node | None:
        key = ("asset function" if is_asset else "function", id(function))
        if key in self.nodes:
            return self.nodes[key][0]
        if not self.is_first_party_function(function):
            node = self.foreign.function_node(function)
            self.nodes[key] = (node, function)
            return node
        module = str(function.__globals__.get("__name__", ""))
        node = Node("function", _plain(function.__code__.co_qualname), module)
        self.nodes[key] = (node, function)
        self.queue.append(lambda: build_function(self, node, function, is_asset=is_asset))
        return node

    def _class_node(self, cls: type) -> Node | None:
        if not self.is_first_party_class(cls):
            return self.foreign.external(cls.__module__, cls.__qualname__)
        return self._built_class(cls, "class")

    def config_class_node(self, cls: type) -> Node | None:
        """Return the node of a ``Config`` whose fields are settings: only its behaviour counts."""
        return self._built_class(cls, "settings") if self.is_first_party_class(cls) else self._class_node(cls)

    def _built_class(self, cls: type, what: str) -> Node:
        key = (what, id(cls))
        if key not in self.nodes:
            node = Node("class", _plain(cls.__qualname__), cls.__module__)
            self.nodes[key] = (node, cls)
            self.queue.append(lambda: build_class(self, node, cls, is_settings=what == "settings"))
        return self.nodes[key][0]  # type: ignore[return-value]

    def _definition_node(self, value: Any) -> Node | None:
        function = getattr(value, "function", None) or getattr(value, "observe", None)
        if function is not None:
            return self.code_node(function) or self.captured(Node("link"), "function", function, "function")
        if hasattr(value, "key") and hasattr(value, "path"):
            node = Node("value", str(value.key), own=digest("code-source", [value.key, value.path]))
            node.text = f"source {value.key!r}"
            return node
        return None

    # -- values ----------------------------------------------------------------------------------------------

    def strict_value(self, owner: Node, name: str, value: object) -> Node:
        """Return the node of a value that is plain data or code; raise OpaqueError for anything else."""
        return self.code_node(value) or self.value_node(owner, name, value, by_reduce=False)

    def captured(self, owner: Node, name: str, value: object, what: str) -> Node | None:
        """Return the node of a captured value, default or attribute, or report that it has none."""
        found = self.code_node(value)
        if found is not None:
            return found
        try:
            return self.value_node(owner, name, value, by_reduce=True)
        except OpaqueError as error:
            if error.fatal:
                return self.unfingerprintable(owner, f"{what} {name!r}", name, error, owner.file, owner.line)
            owner.widened.append(
                Widened(
                    owner.name,
                    f"{what} {name!r} is a {error.type_name}, which has no value to compare",
                    owner.file,
                    owner.line,
                )
            )
            link = Node("link", own=digest("code-opaque", error.type_name))
            for view in self.modules.loaded_views():
                if self._may_hold(view, owner):
                    link.point("module", self.whole.module_node(view))
            return link

    def _may_hold(self, view: View, owner: Node) -> bool:
        """Say whether a module may have made what a function captured: its own, and those that import it."""
        if view.name == owner.module:
            return True
        last = owner.module.rpartition(".")[2].encode()
        return bool(last) and last in view.index.source.data

    def value_node(self, owner: Node, name: str, value: object, *, by_reduce: bool) -> Node:
        """Return the node of a value that is no code; raise OpaqueError when it cannot be compared."""
        encoded = encode_value(value, self, by_reduce=by_reduce)
        node = Node("link" if isinstance(value, _WRAPPERS) else "value", name, owner.module, encoded.own())
        node.edges = encoded.edges
        node.file, node.line = owner.file, owner.line
        node.text = "" if any(word in name.lower() for word in _SECRET_WORDS) else value_text(value)
        if any(folder in node.text for _, folder in self.places):
            node.text = ""  # where a checkout or a home folder lies is nobody's change
        return node

    def unfingerprintable(
        self, owner: Node, what: str, name: str, error: OpaqueError, file: str | None, line: int | None
    ) -> Node:
        """Return a node that holds the problem: this object can be told neither by value nor by statements."""
        node = Node("link", name)
        where = f"{name}{error.path}" if error.path else name
        node.problems.append(
            Problem(
                f"the code version of {owner.name or name!r} cannot be told: {what} is a {error.type_name}",
                (("variable", where), ("type", error.type_name)),
                _WAY_OUT,
                file,
                line,
            )
        )
        return node

    # -- names -----------------------------------------------------------------------------------------------

    def add_names(
        self, node: Node, names: Names, view: View | None, namespace: Mapping[str, Any], *, cells: Mapping[str, Any]
    ) -> None:
        """Point a node to everything that its names stand for."""
        node.reads = node.reads | names.reads()
        used = {chain.imported for chain in names.chains if chain.imported is not None}
        for target in names.imports:
            if target not in used:
                self._add_meaning(node, target.module, self.modules.imported(target, view), target.line)
        for chain in names.chains:
            self.add_chain(node, chain, view, namespace, cells)
        for access in names.accesses:
            add_dynamic(self, node, access, view, namespace, cells)

    def add_chain(
        self, node: Node, chain: Chain, view: View | None, namespace: Mapping[str, Any], cells: Mapping[str, Any]
    ) -> None:
        """Point a node to what one chain of names stands for."""
        if chain.imported is None and chain.root in cells:
            value = cells[chain.root]
            if isinstance(value, types.ModuleType):
                found = self.modules.resolve(chain, view, {chain.root: value})
                self._add_meaning(node, ".".join((chain.root, *chain.attributes)), found, chain.line)
            else:
                node.point(chain.root, self.captured(node, chain.root, value, "captured variable"))
            return
        if chain.root in _IGNORED_GLOBALS:
            return
        found = self.modules.resolve(chain, view, namespace)
        if chain.imported is None and chain.root not in namespace:
            patched = vars(builtins).get(chain.root)
            if isinstance(patched, types.FunctionType) and self.is_first_party_function(patched):
                node.point(chain.root, self.code_node(patched))
            return
        if found is None and chain.imported is None and view is None:
            node.point(chain.root, self.captured(node, chain.root, namespace[chain.root], "global"))
            return
        label = chain.root if isinstance(found, External) else ".".join((chain.root, *chain.attributes))
        self._add_meaning(node, label, found, chain.line)
        if isinstance(found, Meaning) and "*" in found.view.index.bindings and found.view is view:
            pass
        elif view is not None and chain.imported is None and self._is_starred(view, chain.root):
            node.widened.append(Widened(node.name, f"{chain.root!r} comes from a star import", node.file, chain.line))

    def _is_starred(self, view: View, name: str) -> bool:
        return "*" in view.index.bindings and name not in view.index.bindings and name in view.namespace

    def _add_meaning(self, node: Node, label: str, found: Any, line: int) -> None:
        if isinstance(found, Meaning):
            node.point(label, self.bindings.global_node(found))
        elif isinstance(found, External):
            node.point(label, self._import_node(label, found, node))
        elif isinstance(found, View):
            node.point(label, self.whole.module_node(found))
            node.widened.append(Widened(node.name, f"uses the module {found.name} as a value", node.file, line))
        elif isinstance(found, Unloadable):
            node.widened.append(Widened(node.name, describe_unloadable(found), node.file, line))
            if found.path is not None:
                node.point(label, self.whole.file_node(found.path))

    def _import_node(self, label: str, found: External, owner: Node) -> Node | None:
        """Return the node of an imported name, shown as a part: 'r' was math.floor and is math.ceil."""
        target = self.foreign.external(found.module, found.name)
        if target is None:
            return None
        key = (f"import {owner.module} {label} {found.module}", hash(found.name) & 0xFFFFFFFF)
        if key not in self.nodes:
            node = Node("import", label.partition(".")[0], owner.module)
            node.text = f"{found.module}.{found.name}".rstrip(".")
            node.file = owner.file
            node.point("", target)
            self.nodes[key] = (node, target)
        return self.nodes[key][0]

    def add_statement_names(
        self, node: Node, trees: Iterable[ast.AST], view: View, left_out: Container[str] = ()
    ) -> None:
        """Point a node to what module-level statements or expressions use."""
        names = names_of_statements(trees, self.keep)
        if left_out:
            names.chains = {chain: None for chain in names.chains if chain.root not in left_out}
        self.add_names(node, names, view, view.namespace, cells={})

    def add_annotation_names(self, node: Node, annotation: ast.expr, view: View) -> None:
        """Point a node to the classes that an annotation names, where they exist at run time."""
        self.add_statement_names(node, [parsed_annotation(annotation)], view)

    def expression_node(self, owner: Node, name: str, tree: ast.expr, view: View) -> Node:
        """Return the node of a value by the expression that makes it."""
        node = Node("value", name, owner.module, digest("code-expression", self.normalised(tree)))
        node.file, node.line, node.text = owner.file, tree.lineno, ast.unparse(tree)
        self.add_statement_names(node, [tree], view)
        return node

    # -- trees -----------------------------------------------------------------------------------------------

    def place(self, node: Node, index: FileIndex, tree: ast.AST) -> None:
        """Note where a unit stands and what it says."""
        node.file, node.line = self.modules.first_party.relative(index.source.path), first_line(tree)
        node.text = index.text(tree)

    def names_of_function(self, tree: FunctionNode, index: FileIndex, *, annotations: bool) -> Names:
        """Return the outside names of a function, read once as long as its tree is held."""
        key = (tree, annotations)
        if key not in self._names:
            if self.modules.are_put_away and len(self._names) >= _NAMES:
                self._names.clear()
            self._names[key] = names_of_function(tree, self.keep, annotations=annotations, has_walrus=index.has_walrus)
        return self._names[key]

    def _normaliser(self) -> Normaliser:
        return Normaliser(self.keep, self.modules.is_internal)

    def normalised_function(self, tree: FunctionNode, *, annotations: bool) -> bytes:
        """Return a function's canonical bytes."""
        return self._normaliser().function(tree, annotations=annotations)

    def normalised(self, tree: ast.AST) -> bytes:
        """Return the canonical bytes of an expression."""
        return self._normaliser().expression(tree)

    def normalised_annotation(self, statement: ast.AnnAssign) -> bytes:
        """Return the canonical bytes of an annotation."""
        return self._normaliser().annotation(statement.annotation)

    def normalised_statements(self, trees: Sequence[ast.stmt]) -> bytes:
        """Return the canonical bytes of statements."""
        return self._normaliser().statements(trees)

    def add_source_bytes(self, node: Node, view: View) -> None:
        """Let the text of a whole file count."""
        node.point("source text", Node("link", own=view.index.source.version))


_WRAPPERS = (property, staticmethod, classmethod, functools.cached_property, functools._lru_cache_wrapper)  # noqa: SLF001
_DESCRIPTORS = (types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)
_FOREIGN_FUNCTIONS = frozenset(
    {"ufunc", "cython_function_or_method", "_ArrayFunctionDispatcher", "fused_cython_function", "CPUDispatcher"}
)


def _plain(qualname: str) -> str:
    return qualname.replace(".<locals>", "")
