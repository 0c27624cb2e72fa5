"""Which modules an edit affects: those that must be loaded again, so that none that is kept holds anything old.

In: the journal of what is loaded, and the names of the modules whose files moved. Out: the names to load again, or
None for all. What a module names in its code (imports, globals, attributes) tells whose objects it may hold; what the
code that runs at import uses tells whose objects it may change. Both are read from the compiled code and the live
namespaces, and both say too much rather than too little:

    a module that names an affected one           is affected: it may hold its objects
    a module of an affected package               is affected: it is an attribute of the package
    a module that an affected one may change      is affected: a registry that it fills, an object that it patches
    code that finds modules by computed names     makes everything affected
"""

from __future__ import annotations

import dis
import functools
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from assetbuild.fingerprint.code.source import OWN_PACKAGES
from assetbuild.load.journal import Entry, words_of

__all__ = ["affected_by", "changed_by", "imported_names", "is_blind"]

_BLIND: Final = frozenset(
    [
        "__builtins__",
        "__dict__",
        "__import__",
        "__subclasses__",
        "_getframe",
        "builtins",
        "currentframe",
        "eval",
        "exec",
        "exec_module",
        "find_spec",
        "get_objects",
        "get_referrers",
        "getmembers",
        "globals",
        "import_module",
        "iter_modules",
        "load_module",
        "modules",
        "reload",
        "run_module",
        "run_path",
        "spec_from_file_location",
        "vars",
        "walk_packages",
    ]
)
"""Words of code that may hold or change objects of modules which it does not name."""
_CHANGERS: Final = frozenset(
    [
        "__setitem__",
        "add",
        "append",
        "appendleft",
        "clear",
        "discard",
        "extend",
        "extendleft",
        "heapify",
        "heappop",
        "heappush",
        "insert",
        "insort",
        "next",
        "pop",
        "popitem",
        "popleft",
        "register",
        "remove",
        "reverse",
        "rotate",
        "setattr",
        "setdefault",
        "setitem",
        "shuffle",
        "sort",
        "update",
        "update_wrapper",
    ]
)
"""Methods and functions that change a plain container."""
_STORE_NAME: Final = dis.opmap["STORE_NAME"]
_LOAD_GLOBAL: Final = dis.opmap["LOAD_GLOBAL"]
_BINARY_OP: Final = dis.opmap["BINARY_OP"]
_STORES: Final = frozenset(
    dis.opmap[name]
    for name in ("STORE_ATTR", "DELETE_ATTR", "STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE", "BINARY_OP")
    if name in dis.opmap
)
_STORES_OF_GLOBALS: Final = frozenset({dis.opmap["STORE_GLOBAL"], dis.opmap["DELETE_GLOBAL"]})
_IMPORTS: Final = frozenset({dis.opmap["IMPORT_NAME"], dis.opmap["IMPORT_FROM"]})
_LOADS: Final = frozenset(
    dis.opmap[name] for name in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS") if name in dis.opmap
)
_INPLACE: Final = 13
"""From this argument on ``BINARY_OP`` is one of the operators that assign, such as ``+=``."""
_FIXED_LIBRARIES: Final = frozenset({"datetime", "decimal", "fractions", "pathlib", "polars", "re", "uuid", "zoneinfo"})
"""Libraries whose objects do not change, as far as they are made while a module loads."""
_CONTAINERS: Final = (list, dict, set)
_OPTIMIZED: Final = 1
"""The flag of function code; the bodies of modules and classes do not have it."""


def is_blind(entry: Entry) -> bool:
    """Say whether a module finds other modules, or their objects, by computed names."""
    words = words_of(entry.code)
    return bool(words & _BLIND) or {"", "*"} <= words


def affected_by(moved: Iterable[str], entries: Mapping[str, Entry]) -> frozenset[str] | None:
    """Return the modules to load again when these have moved, themselves included; None when that cannot be told."""
    if any(is_blind(entry) for entry in entries.values()):
        return None
    holders: dict[str, set[str]] = {name: set() for name in entries}
    for name, held in _holds(entries):
        holders[held].add(name)
    changes = _Changes(entries)
    found: set[str] = set()
    waiting = [name for name in moved if name in entries]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += holders[name]
            waiting += changes.of(entries[name])
    return frozenset(found)


def changed_by(given: Iterable[str], entries: Mapping[str, Entry]) -> set[str]:
    """Return the modules that these may have changed while they loaded, as far as they are not among them."""
    names = set(given)
    changes = _Changes(entries)
    return {other for name in names for other in changes.of(entries[name])} - names


def imported_names(code: CodeType) -> set[str]:
    """Return the names that the code of a module reads while it loads, its own and those of attributes."""
    found: set[str] = set()
    for one in _run_at_import(code):
        found |= _loaded_names(one)
    stored = {code.co_names[argument] for operation, argument in _steps(code) if operation == _STORE_NAME}
    return found | (set(code.co_names) - stored)


def _holds(entries: Mapping[str, Entry]) -> Iterator[tuple[str, str]]:
    """Yield pairs of modules of which the first may hold objects of the second."""
    by_word: dict[str, set[str]] = {}
    for name in entries:
        by_word.setdefault(name, set()).add(name)
        by_word.setdefault(name.rpartition(".")[2], set()).add(name)
    known = by_word.keys()
    for name, entry in entries.items():
        words = words_of(entry.code)
        held = {other for word in known & words for other in by_word[word]}
        if "getattr" in words:  # of a package it may be any module
            packages = tuple(f"{other}." for other in held if hasattr(entries[other].module, "__path__"))
            held |= {other for other in entries if other.startswith(packages)} if packages else set()
        parts = name.split(".")
        held |= {".".join(parts[:length]) for length in range(1, len(parts))}
        yield from ((name, other) for other in held if other != name and other in entries)


class _Changes:
    """Finds the modules whose objects may be changed by code that runs while a module loads."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries
        self._found: set[str] = set()
        self._seen: set[int] = set()

    @functools.cached_property
    def _homes(self) -> dict[int, set[str]]:
        """The modules that bind an object, by its identity."""
        found: dict[int, set[str]] = {}
        for name, entry in self._entries.items():
            for value in list(vars(entry.module).values()):
                found.setdefault(id(value), set()).add(name)
        return found

    def of(self, entry: Entry) -> set[str]:
        """Follow every object that the code of a module, its classes included, uses while the module loads."""
        self._found, self._seen = set(), set()
        namespace = vars(entry.module)
        for code in _run_at_import(entry.code):
            used = [namespace[name] for name in _loaded_names(code) if name in namespace]
            inner = [value for value in used if isinstance(value, ModuleType) and value.__name__ in self._entries]
            used += [vars(module)[name] for module in inner for name in code.co_names if name in vars(module)]
            # A container that is only read stays as it is; a function that is given one may change it.
            stores = _may_change(code)
            calls = any(isinstance(value, FunctionType) and self._is_ours(value) for value in used)
            for value in used:
                self._use(value, changes=stores or calls)
                if stores and isinstance(value, (FunctionType, type)) and value.__module__ in self._entries:
                    self._found.add(value.__module__)
            if stores:
                self._found.update(module.__name__ for module in inner)
        return self._found - {entry.module.__name__}

    def _is_ours(self, function: FunctionType) -> bool:
        return function.__globals__.get("__name__") in self._entries

    def _use(self, value: Any, *, changes: bool) -> None:
        """Follow one object that is used in code; anything that can be called may be called there."""
        if isinstance(value, FunctionType):
            self._call(value)
        elif isinstance(value, type):
            self._make(value)
        elif isinstance(value, functools.partial):
            for part in (value.func, *value.args, *value.keywords.values()):
                self._use(part, changes=True)
        elif isinstance(value, (staticmethod, classmethod)):
            self._use(value.__func__, changes=changes)
        elif isinstance(value, property):
            for accessor in (value.fget, value.fset, value.fdel):
                self._use(accessor, changes=changes)
        elif isinstance(value, _CONTAINERS):
            if changes:
                self._found |= self._homes.get(id(value), set())
        elif type(value).__name__ == "AssetDefinition":
            self._use(value.function, changes=True)
        elif not _is_fixed(value):
            self._found |= self._homes.get(id(value), set())
            self._make(type(value))

    def _call(self, function: FunctionType) -> None:
        """Follow what a first-party function uses, as if it were called with all that it defines."""
        if not self._is_ours(function) or id(function) in self._seen:
            return
        self._seen.add(id(function))
        namespace = function.__globals__
        home = str(namespace["__name__"])
        for code in _all_code(function.__code__):
            steps = list(_steps(code))
            if any(operation in _STORES_OF_GLOBALS for operation, _ in steps):
                self._found.add(home)
            tails = {
                code.co_names[argument].rpartition(".")[2] for operation, argument in steps if operation in _IMPORTS
            }
            self._found.update(name for name in self._entries if name.rpartition(".")[2] in tails)
            for name in code.co_names:
                if name in namespace:
                    self._use(namespace[name], changes=True)
                    if isinstance(namespace[name], ModuleType) and namespace[name].__name__ in self._entries:
                        self._found.add(namespace[name].__name__)
        for cell in function.__closure__ or ():
            try:
                held = cell.cell_contents
            except ValueError:  # not yet bound
                continue
            self._hold(held, home)
        for held in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._hold(held, home)
        for held in function.__dict__.values():
            self._hold(held, home)

    def _hold(self, value: Any, home: str) -> None:
        """Follow an object that a called function or class keeps."""
        if isinstance(value, _CONTAINERS):
            self._found.add(home)
        self._use(value, changes=True)

    def _make(self, cls: type) -> None:
        """Follow what a first-party class does when it is called or derived from."""
        for owner in [*cls.__mro__, *type.mro(type(cls))]:
            if owner.__module__ in self._entries and id(owner) not in self._seen:
                self._seen.add(id(owner))
                for name, value in list(vars(owner).items()):
                    if isinstance(value, (FunctionType, staticmethod, classmethod, property)) or (
                        isinstance(value, _CONTAINERS) and not name.startswith("__") and name != "model_config"
                    ):
                        self._hold(value, owner.__module__)


def _run_at_import(code: CodeType) -> list[CodeType]:
    """Return the code of a module and of everything in it that runs while it loads, such as classes."""
    found = [code]
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and (not constant.co_flags & _OPTIMIZED or constant.co_name.startswith("<")):
            found += _run_at_import(constant)
    return found


def _all_code(code: CodeType) -> list[CodeType]:
    found = [code]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found += _all_code(constant)
    return found


def _loaded_names(code: CodeType) -> set[str]:
    """Return the module-level names that code reads; an import statement only binds them."""
    names = code.co_names
    return {
        names[argument >> 1 if operation == _LOAD_GLOBAL else argument]
        for operation, argument in _steps(code)
        if operation in _LOADS
    }


def _may_change(code: CodeType) -> bool:
    """Say whether code stores into objects, or names a method that does."""
    if _CHANGERS.intersection(code.co_names):
        return True
    annotations = code.co_names.index("__annotations__") if "__annotations__" in code.co_names else -1
    first = second = (0, 0)
    for step in _steps(code):
        operation, argument = step
        # 'minutes: int = 15' stores into the class's own annotations.
        is_annotation = first[0] in _LOADS and first[1] == annotations
        if operation in _STORES and not is_annotation and (operation != _BINARY_OP or argument >= _INPLACE):
            return True
        first, second = second, step
    return False


def _steps(code: CodeType) -> Iterator[tuple[int, int]]:
    """Yield operation and argument of each instruction; ``dis`` works out more, and takes ten times as long."""
    raw = code.co_code
    high = 0
    for place in range(0, len(raw), 2):
        operation, argument = raw[place], high | raw[place + 1]
        high = argument << 8 if operation == dis.EXTENDED_ARG else 0
        if operation and operation != dis.EXTENDED_ARG:  # 0 fills the places of caches
            yield operation, argument


def _is_fixed(value: Any) -> bool:
    """Say whether an object cannot be changed, or is none that modules fill."""
    kind = type(value)
    if isinstance(value, (bytearray, Iterator)):
        return False
    if kind.__module__ == "builtins":
        if isinstance(value, (tuple, frozenset)):
            return all(_is_fixed(item) or isinstance(item, (type, FunctionType)) for item in value)
        return True
    top = kind.__module__.partition(".")[0]
    return top in OWN_PACKAGES or top in _FIXED_LIBRARIES or top in {"__future__", "enum", "logging", "types", "typing"}
