"""The walk from a function to everything that it reaches: one node for each function, class, value and statement.

Nodes are kept by the object that they stand for, so assets share what they
have in common. Building is queued and not recursive: a chain of a thousand helpers is fine.
A node that cannot be built carries its problems, and whoever reaches it reports them.
"""

from __future__ import annotations

import ast
import copy
import functools
import os
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from assetbuild.errors import Problem
from assetbuild.fingerprint.code.classes import build_class
from assetbuild.fingerprint.code.components import Node
from assetbuild.fingerprint.code.dynamic import COMPUTED, add_dynamic, describe_unloadable, environment_name
from assetbuild.fingerprint.code.effects import Effects
from assetbuild.fingerprint.code.functions import build_function
from assetbuild.fingerprint.code.index import FileIndex, FunctionNode, Statement, first_line
from assetbuild.fingerprint.code.model import Widened
from assetbuild.fingerprint.code.modules import External, Meaning, Modules, Unloadable, View
from assetbuild.fingerprint.code.normalise import Keep, Normaliser, parsed_annotation
from assetbuild.fingerprint.code.packages import Packages
from assetbuild.fingerprint.code.scope import Chain, Names, chain_of, names_of_function, names_of_statements
from assetbuild.fingerprint.code.source import OWN_PACKAGES
from assetbuild.fingerprint.code.values import OpaqueError, encode_value, value_text
from assetbuild.fingerprint.encoding import Encodable, digest

__all__ = ["Walk"]

_WAY_OUT = "Make it inside the function, or take this asset's code version into your own hands with code_version=\"1\"."
_IGNORED_GLOBALS = frozenset({"__builtins__", "__spec__", "__loader__", "__cached__", "__annotations__"})
_SECRET_WORDS = ("password", "passwd", "secret", "token", "api_key", "apikey", "credential")


class Walk:
    """All nodes of one project, under one rule of what to keep."""

    def __init__(self, modules: Modules, packages: Packages, keep: Keep) -> None:
        self.modules = modules
        self.packages = packages
        self.keep = keep
        self.root = modules.first_party.root
        self._nodes: dict[tuple[str, int], tuple[Node | None, object]] = {}
        self._globals: dict[tuple[int, str], Node | None] = {}
        self._externals: dict[tuple[str, str], Node | None] = {}
        self._names: dict[tuple[int, bool], Names] = {}
        self._environment: dict[tuple[int, str], frozenset[str]] = {}
        self._effects = Effects(self)
        self._queue: list[Callable[[], None]] = []
        self._is_internal: dict[str, Callable[[str, int], bool]] = {}

    # -- roots -----------------------------------------------------------------------------------------------

    def asset_node(self, function: object) -> Node:
        """Return the built node of an asset's function, whatever kind of callable it is."""
        key = ("asset", id(function))
        if key not in self._nodes:
            root = Node("link", own="asset")
            self._nodes[key] = (root, function)
            if isinstance(function, types.FunctionType) and self.is_first_party_function(function):
                node: Node | None = self._function_node(function, is_asset=True)
            else:
                node = self.code_node(function)
                if node is None:
                    name = getattr(function, "__name__", type(function).__name__)
                    node = self.captured(root, name, function, "asset function")
            root.point("function", node)
            self.finish()
        return self._nodes[key][0]  # type: ignore[return-value]

    def effect_nodes(self, libraries: set[str]) -> list[Node]:
        """Return the built nodes of what importing the project sets in these libraries."""
        nodes = self._effects.nodes(libraries)
        self.finish()
        return nodes

    def class_root(self, cls: type) -> Node:
        """Return the built node of a class."""
        node = self.code_node(cls) or Node("link", own="class")
        self.finish()
        return node

    def finish(self) -> None:
        """Build all nodes that were met and not yet built."""
        while self._queue:
            self._queue.pop()()

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
            return self.module_node(view) if view is not None else self.external(value.__name__, "")
        if isinstance(value, types.BuiltinFunctionType) and (
            value.__self__ is None or isinstance(value.__self__, types.ModuleType)
        ):
            return self.external(value.__module__ or "builtins", value.__qualname__)
        if kind in _DESCRIPTORS:
            owner = value.__objclass__  # type: ignore[attr-defined]
            return self.external(owner.__module__, f"{owner.__qualname__}.{value.__name__}")  # type: ignore[attr-defined]
        if kind.__name__ in _FOREIGN_FUNCTIONS:
            module = getattr(value, "__module__", None) or kind.__module__
            return self.external(str(module), getattr(value, "__qualname__", None) or getattr(value, "__name__", ""))
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

    def is_first_party_callee(self, decorator: ast.expr, view: View | None) -> bool:
        """Say whether a decorator is first-party code, or assetbuild's own."""
        found = chain_of(decorator.func if isinstance(decorator, ast.Call) else decorator)
        if found is None or view is None:
            return False
        meaning = self.modules.resolve(Chain(found[0], found[1], 0), view, view.namespace)
        if isinstance(meaning, External):
            return meaning.module.partition(".")[0] in OWN_PACKAGES
        return isinstance(meaning, Meaning)

    def _function_node(self, function: types.FunctionType, *, is_asset: bool = False) -> Node | None:
        key = ("asset function" if is_asset else "function", id(function))
        if key in self._nodes:
            return self._nodes[key][0]
        if not self.is_first_party_function(function):
            node = self._foreign_function_node(function)
            self._nodes[key] = (node, function)
            return node
        module = str(function.__globals__.get("__name__", ""))
        node = Node("function", _plain(function.__code__.co_qualname), module)
        self._nodes[key] = (node, function)
        self._queue.append(lambda: build_function(self, node, function, is_asset=is_asset))
        return node

    def _foreign_function_node(self, function: types.FunctionType) -> Node | None:
        """Return the node of another library's function; one that wraps the user's own leads on to it."""
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
        inner += [value for name, value in function.__dict__.items() if not name.startswith("_") or name == "__wrapped__"]
        for place, value in enumerate(inner):
            if value is function:
                continue
            try:
                link.point(f"captured {place}", self.strict_value(link, f"captured {place}", value))
            except OpaqueError:
                continue
            if isinstance(value, types.FunctionType) and self.is_first_party_function(value):
                self._add_decorators(link, value)
        return link

    def _pair(self, cls: object, handler: object) -> Node:
        pair = Node("link", own="pair")
        pair.point("type", self.captured(pair, "type", cls, "type"))
        pair.point("handler", self.captured(pair, "handler", handler, "handler"))
        return pair

    def _add_decorators(self, node: Node, function: types.FunctionType) -> None:
        """Tell the decorators of a function that another library wrapped: their arguments are out of sight."""
        index = self.modules.index(function.__code__.co_filename)
        view = self.modules.view(function.__globals__)
        tree = index.function(function.__code__) if index is not None else None
        decorators = [part for part in getattr(tree, "decorator_list", ()) if not self._is_own(part, view)]
        if view is not None and decorators:
            said = Node("link", own=digest("code-decorators", [self.normalised(part, view) for part in decorators]))
            node.point("decorators", said)
            self.add_statement_names(said, decorators, view)

    def _is_own(self, decorator: ast.expr, view: View | None) -> bool:
        found = chain_of(decorator.func if isinstance(decorator, ast.Call) else decorator)
        if found is None or view is None:
            return False
        meaning = self.modules.resolve(Chain(found[0], found[1], 0), view, view.namespace)
        if isinstance(meaning, Meaning):  # functools.partial(asset, group="raw")
            inner = getattr(meaning.value, "func", meaning.value)
            return str(getattr(inner, "__module__", "")).partition(".")[0] in OWN_PACKAGES
        return isinstance(meaning, External) and meaning.module.partition(".")[0] in OWN_PACKAGES

    def _class_node(self, cls: type) -> Node | None:
        if not self.is_first_party_class(cls):
            return self.external(cls.__module__, cls.__qualname__)
        return self._built_class(cls, "class")

    def config_class_node(self, cls: type) -> Node | None:
        """Return the node of a ``Config`` whose fields are settings: only its behaviour counts."""
        return self._built_class(cls, "settings") if self.is_first_party_class(cls) else self._class_node(cls)

    def _built_class(self, cls: type, what: str) -> Node:
        key = (what, id(cls))
        if key not in self._nodes:
            node = Node("class", _plain(cls.__qualname__), cls.__module__)
            self._nodes[key] = (node, cls)
            self._queue.append(lambda: build_class(self, node, cls, is_settings=what == "settings"))
        return self._nodes[key][0]  # type: ignore[return-value]

    def _definition_node(self, value: Any) -> Node | None:
        function = getattr(value, "function", None) or getattr(value, "observe", None)
        if function is not None:
            return self.code_node(function) or self.captured(Node("link"), "function", function, "function")
        if hasattr(value, "key") and hasattr(value, "path"):
            node = Node("value", str(value.key), own=digest("code-source", [value.key, value.path]))
            node.text = f"source {value.key!r}"
            return node
        return None

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
        if top not in sys.stdlib_module_names and not self.modules.is_internal(module):
            distribution = self.packages.of_module(module)
            if distribution is not None:
                node.packages[distribution.name] = self.packages.version(distribution)
            else:
                own.append(self.packages.content(module))
        elif self.modules.is_internal(module):  # a compiled extension below the project
            own.append(self.packages.content(module))
        node.own = digest("code-external", own)
        return node

    # -- values ----------------------------------------------------------------------------------------------

    def strict_value(self, owner: Node, name: str, value: object) -> Node:
        """Return the node of a value that is plain data or code; raise OpaqueError for anything else."""
        return self.code_node(value) or self._value_node(owner, name, value, by_reduce=False)

    def captured(self, owner: Node, name: str, value: object, what: str) -> Node | None:
        """Return the node of a captured value, default or attribute, or report that it has none."""
        found = self.code_node(value)
        if found is not None:
            return found
        try:
            return self._value_node(owner, name, value, by_reduce=True)
        except OpaqueError as error:
            if error.fatal:
                return self._unfingerprintable(owner, f"{what} {name!r}", name, error, owner.file, owner.line)
            owner.widened.append(
                Widened(owner.name, f"{what} {name!r} is a {error.type_name}, which has no value to compare", owner.file, owner.line)
            )
            link = Node("link", own=digest("code-opaque", error.type_name))
            for view in self.modules.loaded_views():
                if self._may_hold(view, owner):
                    link.point("module", self.module_node(view))
            return link

    def _may_hold(self, view: View, owner: Node) -> bool:
        """Say whether a module may have made what a function captured: its own, and those that import it."""
        if view.name == owner.module:
            return True
        last = owner.module.rpartition(".")[2].encode()
        return bool(last) and last in view.index.source.data

    def _value_node(self, owner: Node, name: str, value: object, *, by_reduce: bool) -> Node:
        encoded = encode_value(value, self, by_reduce=by_reduce)
        node = Node("link" if isinstance(value, _WRAPPERS) else "value", name, owner.module, encoded.own())
        node.edges = encoded.edges
        node.file, node.line = owner.file, owner.line
        node.text = "" if any(word in name.lower() for word in _SECRET_WORDS) else value_text(value)
        return node

    def _unfingerprintable(
        self, owner: Node, what: str, name: str, error: OpaqueError, file: str | None, line: int | None
    ) -> Node:
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

    def global_node(self, meaning: Meaning) -> Node | None:
        """Return what a module-level name stands for: its value, or the statements that make it."""
        view, name, value = meaning.view, meaning.name, meaning.value
        key = (id(view.namespace), name)
        found = self.code_node(value)
        if found is not None:
            if found.kind == "external":
                if key not in self._globals:
                    self._globals[key] = self._bound_external(found, meaning)
                return self._globals[key]
            if found.name == "<lambda>":
                found.name = name
            return found
        if key not in self._globals:
            owner = Node("link", name, view.name)
            statements = view.index.bindings.get(name, [])
            owner.file = self.modules.first_party.relative(view.path)
            owner.line = statements[-1].node.lineno if statements else None
            self._globals[key] = self._new_global(owner, meaning, statements)
        return self._globals[key]

    def _bound_external(self, target: Node, meaning: Meaning) -> Node:
        """Return the node of a name that stands for something of another library: 'KIND' was int and is float."""
        node = Node("value", meaning.name, meaning.view.name)
        statements = meaning.view.index.bindings.get(meaning.name, [])
        node.file = self.modules.first_party.relative(meaning.view.path)
        node.line = statements[-1].node.lineno if statements else None
        node.text = target.name
        node.point("", target)
        return node

    def _new_global(self, owner: Node, meaning: Meaning, statements: list[Statement]) -> Node | None:
        name, value = meaning.name, meaning.value
        environment = self.environment_of(meaning.view, name)
        if environment and COMPUTED not in environment:
            return self._statements_node(owner, meaning)
        try:
            node = self._value_node(owner, name, value, by_reduce=True)
        except OpaqueError as error:
            if error.fatal or not statements:
                return self._unfingerprintable(
                    Node("link", name), f"global {name!r}", name, error, owner.file, owner.line
                )
            return self._statements_node(owner, meaning)
        if environment:
            node.text = ""
        return node

    def _statements_node(self, owner: Node, meaning: Meaning) -> Node:
        """Return the node of a name by the statements that bind or change it, in every module."""
        node = Node("statement", owner.name, owner.module)
        node.file, node.line = owner.file, owner.line
        self._globals[id(meaning.view.namespace), meaning.name] = node
        made = _distinct(
            [*meaning.view.index.bindings.get(meaning.name, ()), *meaning.view.index.changes.get(meaning.name, ())]
        )
        self._fill_statements(node, made, meaning.view)
        for view in self.modules.loaded_views():
            if view is not meaning.view and any(view.index.changes):
                for name in view.index.changes:
                    if view.namespace.get(name) is meaning.value:
                        changed = Node("link")
                        self._fill_statements(changed, view.index.changes[name], view)
                        node.point("changed", changed)
        return node

    def _fill_statements(self, node: Node, statements: Sequence[Statement], view: View) -> None:
        trees = [self._without_own_decorators(statement.node, view) for statement in statements]
        node.own = digest("code-statements", [self.normalised_statements(trees, view)])
        node.text = "\n".join(view.index.text(tree) for tree in trees)
        self.add_statement_names(node, trees, view)

    def _without_own_decorators(self, tree: ast.stmt, view: View) -> ast.stmt:
        decorators = getattr(tree, "decorator_list", None)
        if not decorators or not any(self._is_own(part, view) for part in decorators):
            return tree
        tree = copy.copy(tree)
        tree.decorator_list = [part for part in decorators if not self._is_own(part, view)]  # type: ignore[attr-defined]
        return tree

    # -- modules ---------------------------------------------------------------------------------------------

    def module_node(self, view: View) -> Node:
        """Return the node of a whole module: every name that it binds, and every other statement."""
        key = ("module", id(view.namespace))
        if key not in self._nodes:
            node = Node("link", view.name, view.name, own="module")
            self._nodes[key] = (node, view.namespace)
            self._queue.append(lambda: self._build_module(node, view))
        return self._nodes[key][0]  # type: ignore[return-value]

    def _build_module(self, node: Node, view: View) -> None:
        for name in sorted(view.index.bindings):
            if name in view.namespace:
                self.add_chain(node, Chain(name, (), 0), view, view.namespace, {})
        for star in sorted(name for name in view.namespace if name not in view.index.bindings and not name.startswith("__")):
            if "*" in view.index.bindings:
                self.add_chain(node, Chain(star, (), 0), view, view.namespace, {})
        for statement in view.index.statements:
            if not statement.binds:
                node.point("statement", self.statement_node(statement, view))

    def statement_node(self, statement: Statement, view: View) -> Node:
        """Return the node of a module-level statement that counts for what it does."""
        key = ("statement", id(statement))
        if key not in self._nodes:
            node = Node("statement", ast.unparse(statement.node).split("\n")[0][:60], view.name)
            self._nodes[key] = (node, statement)
            node.file, node.line = self.modules.first_party.relative(view.path), statement.node.lineno
            self._queue.append(lambda: self._fill_statements(node, [statement], view))
        return self._nodes[key][0]  # type: ignore[return-value]

    def loaded_module_node(self, module: str) -> Node | None:
        """Return the node of a whole first-party module by name, loading it when it is not loaded."""
        loaded = self.modules.load(module)
        if isinstance(loaded, Unloadable):
            return self._file_node(loaded.path) if loaded.path else None
        view = self.modules.view(loaded.__dict__)
        return self.module_node(view) if view is not None else None

    def package_nodes(self, package: str) -> list[Node]:
        """Return the nodes of all modules of a package; without a name, of all first-party files below the project."""
        if not package:
            paths = _python_files(self.root)
            return [self._file_node(path) for path in paths if path in self.modules.first_party]
        loaded = self.modules.load(package)
        folders = [] if isinstance(loaded, Unloadable) else list(getattr(loaded, "__path__", ()))
        found = []
        for folder in folders:
            for path in _python_files(os.path.abspath(folder)):
                stem = os.path.relpath(path, folder)[: -len(".py")].replace(os.sep, ".").removesuffix("__init__").rstrip(".")
                node = self.loaded_module_node(f"{package}.{stem}" if stem else package)
                if node is not None:
                    found.append(node)
        return found

    def _file_node(self, path: str) -> Node:
        """Return the node of a file that is not loaded: its whole source."""
        key = ("file " + path, 0)
        if key not in self._nodes:
            relative = self.modules.first_party.relative(path)
            node = Node("module", relative, relative)
            node.file = relative
            with open(path, "rb") as file:
                data = file.read()
            try:
                tree = ast.parse(data)
                node.own = digest("code-file", Normaliser(self.keep, lambda _module, level: bool(level)).statements(tree.body))
            except (SyntaxError, ValueError):
                node.own = digest("code-file", data)
            self._nodes[key] = (node, path)
        return self._nodes[key][0]  # type: ignore[return-value]

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
        if found is None and chain.imported is None and chain.root in namespace and view is None:
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
            node.point(label, self.global_node(found))
        elif isinstance(found, External):
            node.point(label, self._import_node(label, found, node))
        elif isinstance(found, View):
            node.point(label, self.module_node(found))
            node.widened.append(Widened(node.name, f"uses the module {found.name} as a value", node.file, line))
        elif isinstance(found, Unloadable):
            node.widened.append(Widened(node.name, describe_unloadable(found), node.file, line))
            if found.path is not None:
                node.point(label, self._file_node(found.path))

    def _import_node(self, label: str, found: External, owner: Node) -> Node | None:
        """Return the node of an imported name, shown as a part: 'r' was math.floor and is math.ceil."""
        target = self.external(found.module, found.name)
        if target is None:
            return None
        key = (f"import {owner.module} {label} {found.module}", hash(found.name) & 0xFFFFFFFF)
        if key not in self._nodes:
            node = Node("import", label.partition(".")[0], owner.module)
            node.text = f"{found.module}.{found.name}".rstrip(".")
            node.file = owner.file
            node.point("", target)
            self._nodes[key] = (node, target)
        return self._nodes[key][0]

    def add_statement_names(
        self, node: Node, trees: Iterable[ast.AST], view: View, members: Mapping[str, Any] | None = None
    ) -> None:
        """Point a node to what module-level statements or expressions use."""
        names = names_of_statements(trees, self.keep)
        if members:
            names.chains = {chain: None for chain in names.chains if chain.root not in members}
        self.add_names(node, names, view, view.namespace, cells={})

    def add_annotation_names(self, node: Node, annotation: ast.expr, view: View) -> None:
        """Point a node to the classes that an annotation names, where they exist at run time."""
        self.add_statement_names(node, [parsed_annotation(annotation)], view)

    def dotted(self, chain: Chain, view: View | None, namespace: Mapping[str, Any], cells: Mapping[str, Any]) -> str | None:
        """Return the public name of what a chain means in another library: ``os.environ.get``; None for the user's own."""
        if chain.imported is None and chain.root not in namespace and chain.root not in cells:
            return ".".join(("builtins", chain.root, *chain.attributes))
        scope = {**namespace, chain.root: cells[chain.root]} if chain.root in cells else namespace
        for length in range(len(chain.attributes) + 1):
            found = self.modules.resolve(Chain(chain.root, chain.attributes[:length], 0, chain.imported), view, scope)
            rest = chain.attributes[length:]
            if isinstance(found, External):
                return ".".join(part for part in (found.module, found.name, *rest) if part)
            if isinstance(found, Meaning):
                name = _KNOWN_OBJECTS.get(id(found.value))
                return ".".join((name, *rest)) if name else None
        return None

    def environment_of(self, view: View, name: str, seen: frozenset[tuple[int, str]] = frozenset()) -> frozenset[str]:
        """Return the environment variables that a module-level name is made from."""
        key = (id(view.namespace), name)
        if key in seen:
            return frozenset()
        if key not in self._environment:
            statements = _distinct([*view.index.bindings.get(name, ()), *view.index.changes.get(name, ())])
            trees = [statement.node for statement in statements if not statement.imports]
            self._environment[key] = self._environment_read(names_of_statements(trees, self.keep), view, seen | {key})
        return self._environment[key]

    def reads_environment(self, trees: Iterable[ast.AST], view: View) -> bool:
        """Say whether statements read the environment, also through the names that they use."""
        return bool(self._environment_read(names_of_statements(trees, self.keep), view, frozenset()))

    def _environment_read(self, names: Names, view: View, seen: frozenset[tuple[int, str]]) -> frozenset[str]:
        found: set[str] = set()
        for access in names.accesses:
            dotted = self.dotted(access.chain, view, view.namespace, {})
            if dotted is not None and (read := environment_name(self, access, dotted, view, view.namespace)) is not None:
                found.add(read)
        for chain in names.chains:
            meaning = self.modules.resolve(chain, view, view.namespace)
            if isinstance(meaning, Meaning):
                found |= self.environment_of(meaning.view, meaning.name, seen)
        return frozenset(found)

    # -- trees -----------------------------------------------------------------------------------------------

    def place(self, node: Node, index: FileIndex, tree: ast.AST) -> None:
        """Note where a unit stands and what it says."""
        node.file, node.line = self.modules.first_party.relative(index.source.path), first_line(tree)
        node.text = index.text(tree)

    def names_of_function(self, tree: FunctionNode, index: FileIndex, *, annotations: bool) -> Names:
        """Return the outside names of a function, read once."""
        key = (id(tree), annotations)
        if key not in self._names:
            self._names[key] = names_of_function(
                tree, self.keep, annotations=annotations, has_walrus=index.has_walrus
            )
        return self._names[key]

    def _normaliser(self, view: View | None) -> Normaliser:
        return Normaliser(self.keep, self.modules.is_internal)

    def normalised_function(self, tree: FunctionNode, view: View | None, *, annotations: bool) -> bytes:
        """Return a function's canonical bytes."""
        return self._normaliser(view).function(tree, annotations=annotations)

    def normalised(self, tree: ast.AST, view: View | None) -> bytes:
        """Return the canonical bytes of an expression."""
        return self._normaliser(view).expression(tree)

    def normalised_annotation(self, statement: ast.AnnAssign, view: View | None) -> bytes:
        """Return the canonical bytes of an annotation."""
        return self._normaliser(view).annotation(statement.annotation)

    def normalised_statements(self, trees: Sequence[ast.stmt], view: View | None) -> bytes:
        """Return the canonical bytes of statements."""
        return self._normaliser(view).statements(trees)

    def add_source_bytes(self, node: Node, view: View) -> None:
        """Let the text of a whole file count."""
        node.point("source text", Node("link", own=view.index.source.version))


_WRAPPERS = (property, staticmethod, classmethod, functools.cached_property, functools._lru_cache_wrapper)  # noqa: SLF001
_DESCRIPTORS = (types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)
_FOREIGN_FUNCTIONS = frozenset({"ufunc", "cython_function_or_method", "_ArrayFunctionDispatcher", "fused_cython_function", "CPUDispatcher"})
_KNOWN_OBJECTS = {id(os.environ): "os.environ", id(os.getenv): "os.getenv"}


def _plain(qualname: str) -> str:
    return qualname.replace(".<locals>", "")


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


def _distinct(statements: Iterable[Statement]) -> list[Statement]:
    found = {id(statement): statement for statement in statements}
    return sorted(found.values(), key=lambda statement: statement.node.lineno)


def _python_files(folder: str) -> list[str]:
    found = []
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        found.extend(os.path.join(at, name) for name in sorted(names) if name.endswith(".py"))
    return found


