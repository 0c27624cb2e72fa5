"""What a name means: namespaces of loaded modules, imports, and the statements that bind a name.

In: a chain of names and the module that it is written in. Out: a ``Meaning``: an
object with the module-level name that it is bound to, a first-party module, or
something of another library. Names are looked up in the namespaces as they are after
loading, so a patched or rebound name means what it will mean when the asset runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from assetbuild.dataclass import dataclass
from assetbuild.fingerprint.code.index import FileIndex, Shelf, Statement
from assetbuild.fingerprint.code.names import Chain, ImportTarget
from assetbuild.fingerprint.code.shapes import Shapes
from assetbuild.fingerprint.code.source import FirstParty, SourceFile

__all__ = ["External", "Meaning", "Modules", "Unloadable", "View"]

_MISSING: Final = object()
_WHOLE: Final = 250_000
"""The bytes of source of which all trees are held: 20 MB of memory. Of more source those of functions come and go."""


@dataclass(slots=True, eq=False)
class View:
    """One first-party module: its name, its namespace, and its indexed source."""

    name: str
    namespace: dict[str, Any]
    index: FileIndex
    package: str

    @property
    def path(self) -> str:
        """The file's absolute path."""
        return self.index.source.path


@dataclass(frozen=True, slots=True)
class External:
    """Something of the standard library or of a third-party library, named as it is imported."""

    module: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Unloadable:
    """A first-party module that a function body imports and that does not load."""

    module: str
    path: str | None


@dataclass(frozen=True, slots=True)
class Meaning:
    """A first-party module-level name: ``name`` in ``view``, and the object that it is bound to now."""

    view: View
    name: str
    value: object


class Modules:
    """The loaded modules, first-party ones with their sources."""

    def __init__(
        self,
        first_party: FirstParty,
        files: Mapping[str, SourceFile],
        import_module: Callable[[str], ModuleType] | None,
    ) -> None:
        """Take the rule for first-party files, the files that were loaded, and how to load more."""
        self.first_party = first_party
        self.files = files
        self._import_module = import_module
        self._views: dict[int, View | None] = {}
        self._indexes: dict[str, FileIndex] = {}
        self._indexed = 0
        self._shelf = Shelf()
        self._internal: dict[str, bool] = {}
        self._declared: dict[int, str] | None = None
        self._homes: dict[tuple[int, str], Meaning | External] = {}

    # -- modules and files -----------------------------------------------------------------------------------

    def take_over(self, last: Modules) -> None:
        """Take over what was parsed of files that are still the same."""
        for path, index in last._indexes.items():
            source = self.files.get(path)
            if source is not None and source.version == index.source.version:
                self._indexes[path] = index
                self._indexed += len(source.data)

    def index(self, path: str) -> FileIndex | None:
        """Return the indexed source of a first-party file that was loaded."""
        found = self._indexes.get(path)
        if found is None and (source := self.files.get(path)) is not None:
            found = self._indexes[path] = FileIndex(source)
            was_little = not self.are_put_away
            self._indexed += len(source.data)
            if self.are_put_away:
                for index in self._indexes.values() if was_little else (found,):
                    index.put_away(self._shelf)
        return found

    def forget(self) -> None:
        """Let go of what is told of the sources; what is asked again is read again."""
        for index in self._indexes.values():
            index.forget()
        self._views.clear()
        self._indexes.clear()
        self._homes.clear()
        self._shelf.clear()
        self._indexed, self._declared = 0, None

    def shapes(self) -> dict[str, Shapes]:
        """Return the shapes of each indexed file's statements, by its path."""
        return {path: index.shapes for path, index in self._indexes.items()}

    def quiet(self) -> frozenset[str]:
        """Return the indexed files whose modules only define."""
        return frozenset(path for path, index in self._indexes.items() if index.is_quiet)

    @property
    def are_put_away(self) -> bool:
        """Whether there is so much source that syntax trees are not held."""
        return self._indexed > _WHOLE

    def view(self, namespace: dict[str, Any]) -> View | None:
        """Return the view of a module by its namespace; None when it is not first-party."""
        key = id(namespace)
        if key not in self._views:
            file = namespace.get("__file__")
            index = self.index(os.path.abspath(file)) if isinstance(file, str) else None
            name = str(namespace.get("__name__", ""))
            package = namespace.get("__package__")
            package = package if isinstance(package, str) else name.rpartition(".")[0]
            self._views[key] = View(name, namespace, index, package) if index is not None else None
        return self._views[key]

    def loaded_views(self) -> list[View]:
        """Return the views of all first-party modules that are loaded, by file."""
        found = {}
        for module in list(sys.modules.values()):
            if isinstance(module, ModuleType) and isinstance(getattr(module, "__file__", None), str):
                view = self.view(module.__dict__)
                if view is not None:
                    found[view.path] = view
        return [found[path] for path in sorted(found)]

    def home_of(self, value: object) -> str:
        """Return the module that binds a function or class, or an asset made of it; nothing when none does."""
        if self._declared is None:
            self._declared = {}
            for view in self.loaded_views():
                for name, bound in list(view.namespace.items()):
                    inner = getattr(bound, "function", bound) if type(bound).__name__ == "AssetDefinition" else bound
                    made_here = any(name not in made.imports for made in view.index.bindings.get(name, ()))
                    if made_here and callable(inner):
                        self._declared.setdefault(id(inner), view.name)
        return self._declared.get(id(value), "")

    def is_internal(self, module: str, level: int = 0) -> bool:
        """Say whether an import statement names first-party code, without importing anything."""
        if level:
            return True
        top = module.partition(".")[0]
        known = self._internal.get(top)
        if known is None:
            known = self._internal[top] = self._is_internal(top)
        return known

    def _is_internal(self, top: str) -> bool:
        loaded = sys.modules.get(top)
        file = getattr(loaded, "__file__", None)
        if isinstance(file, str):
            return os.path.abspath(file) in self.files or os.path.abspath(file) in self.first_party
        if loaded is None and top in sys.builtin_module_names:
            return False
        if loaded is None or file is None:
            for folder in [os.path.abspath(entry or ".") for entry in sys.path]:
                path = os.path.join(folder, top)
                for candidate in (path + ".py", os.path.join(path, "__init__.py")):
                    if os.path.isfile(candidate):
                        return candidate in self.first_party
                if os.path.isdir(path) and os.path.join(path, "_.py") in self.first_party:
                    return True
        return False

    def load(self, name: str) -> ModuleType | Unloadable:
        """Return a first-party module, importing it when a function body will; it may fail to load."""
        if (loaded := sys.modules.get(name)) is not None:
            return loaded
        try:
            if self._import_module is not None:
                return self._import_module(name)
            return __import__(name, fromlist=["_"])
        except Exception:  # noqa: BLE001  # a body may import what is optional; its file is hashed instead
            return Unloadable(name, self._file_of(name))

    def _file_of(self, name: str) -> str | None:
        for entry in sys.path:
            path = os.path.join(os.path.abspath(entry or "."), *name.split("."))
            for candidate in (path + ".py", os.path.join(path, "__init__.py")):
                if os.path.isfile(candidate) and candidate in self.first_party:
                    return candidate
        return None

    # -- names -----------------------------------------------------------------------------------------------

    def resolve(self, chain: Chain, view: View | None, namespace: Mapping[str, Any]) -> Any:
        """Return what a chain means: a Meaning, External, Unloadable, View (a whole module), or None when unknown."""
        if chain.imported is not None:
            start = self.imported(chain.imported, view)
        elif chain.root in namespace:
            value = namespace[chain.root]
            start = self._of_global(view, chain.root, value)
        else:
            return None
        return self._follow(start, chain.attributes)

    def imported(self, target: ImportTarget, view: View | None) -> Any:
        """Return what an import inside a body brings."""
        module = self.absolute(target, view)
        if module is None:
            return None
        if not self.is_internal(module):
            return External(module.partition(".")[0] if target.name == "" else module, target.name or "")
        loaded = self.load(module)
        if isinstance(loaded, Unloadable):
            return loaded
        if target.name == "":
            return self._of_module(sys.modules.get(module.partition(".")[0], loaded))
        if target.name is None:
            return self._of_module(loaded)
        return self._attribute(loaded, target.name)

    def absolute(self, target: ImportTarget, view: View | None) -> str | None:
        """Return the absolute name of an imported module."""
        if not target.level:
            return target.module
        package = view.package if view is not None else ""
        parts = package.split(".")
        if not package or len(parts) < target.level:
            return None
        base = ".".join(parts[: len(parts) - target.level + 1])
        return f"{base}.{target.module}" if target.module else base

    def _of_global(self, view: View | None, name: str, value: object) -> Any:
        if isinstance(value, ModuleType):
            return self._of_module(value)
        return self.home(view, name, value) if view is not None else None

    def _of_module(self, module: object) -> Any:
        if not isinstance(module, ModuleType):
            return None
        view = self.view(module.__dict__)
        if view is not None:
            return view
        if getattr(module, "__file__", None) is None and self.is_internal(module.__name__):
            return module  # a namespace package
        return External(module.__name__)

    def _follow(self, start: Any, attributes: tuple[str, ...]) -> Any:
        for name in attributes:
            if isinstance(start, View):
                start = self._attribute(sys.modules.get(start.name, start), name)
            elif isinstance(start, ModuleType):
                start = self._attribute(start, name)
            elif isinstance(start, Meaning) and isinstance(start.value, ModuleType):
                start = self._follow(self._of_module(start.value), (name,))
            else:
                return start
        return start

    def _attribute(self, module: Any, name: str) -> Any:
        """Return what an attribute of a first-party module means, its submodules included."""
        namespace = module.namespace if isinstance(module, View) else module.__dict__
        view = module if isinstance(module, View) else self.view(namespace)
        if name in namespace:
            return self._of_global(view, name, namespace[name]) if view else self._of_module(namespace[name])
        full = f"{namespace.get('__name__')}.{name}"
        if "__path__" in namespace and (full in sys.modules or self._file_of(full)):
            loaded = self.load(full)
            return loaded if isinstance(loaded, Unloadable) else self._of_module(loaded)
        if "__getattr__" in namespace and view is not None:
            return self.home(view, "__getattr__", namespace["__getattr__"])
        return view

    def home(self, view: View, name: str, value: object) -> Meaning | External:
        """Return where a module-level name is really bound, through re-exports."""
        key = (id(view), name)
        if key not in self._homes:
            self._homes[key] = Meaning(view, name, value)  # ends a cycle of imports
            self._homes[key] = self._find_home(view, name, value)
        return self._homes[key]

    def _find_home(self, view: View, name: str, value: object) -> Meaning | External:
        statements = view.index.bindings.get(name, []) or view.index.bindings.get("*", [])
        for statement in reversed(statements):
            for bound, target in _imports(statement, name):
                found = self._through(view, target, bound, value)
                if found is not None:
                    return found
        return Meaning(view, name, value)

    def _through(self, view: View, target: ImportTarget, bound: str, value: object) -> Meaning | External | None:
        module = self.absolute(target, view)
        if module is None:
            return None
        loaded = sys.modules.get(module)
        name = bound if target.name == "*" else target.name
        if not name or loaded is None:
            return None
        if getattr(loaded, "__dict__", {}).get(name, _MISSING) is not value:
            found_lazily = not self.is_internal(module) and getattr(loaded, name, _MISSING) is value
            if not found_lazily:
                return None
        inner = self.view(loaded.__dict__)
        if inner is not None:
            return self.home(inner, name, value)
        return None if self.is_internal(module) else External(module, name)


def _imports(statement: Statement, name: str) -> list[tuple[str, ImportTarget]]:
    if name in statement.imports:
        return [(name, statement.imports[name])]
    return [(name, statement.imports["*"])] if "*" in statement.imports else []
