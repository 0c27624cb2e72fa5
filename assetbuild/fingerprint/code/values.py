"""Objects by value: constants, containers, captured values and instances as one canonical structure.

In: any object. Out: ``Encoded``, a structure for ``fingerprint.encoding`` and the
nodes that it refers to (functions, classes). Raises ``OpaqueError`` for an object whose
meaning does not lie in its value: the caller then counts the statements that
made it, or reports it. Order of sets and memory addresses never show.
"""

from __future__ import annotations

import copyreg
import datetime as dt
import decimal
import enum
import fractions
import functools
import io
import os
import pathlib
import re
import sys
import threading
import types
import typing
import uuid
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Protocol

from assetbuild.fingerprint.code.components import Node
from assetbuild.fingerprint.encoding import Encodable, digest, encode

__all__ = ["Encoded", "Links", "OpaqueError", "encode_value"]


class OpaqueError(Exception):
    """An object without a value to hash; ``path`` leads to it, ``fatal``: nothing else can stand for it either."""

    def __init__(self, value: object, path: str = "", *, fatal: bool = False) -> None:
        """Take the object and how it was reached."""
        super().__init__(path)
        self.value = value
        self.path = path
        self.fatal = fatal

    @property
    def type_name(self) -> str:
        """Return the type of the object, as people write it."""
        kind = type(self.value)
        return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


class Links(Protocol):
    """What the encoder asks of the walk: a node for anything that is code."""

    places: tuple[tuple[str, str], ...]

    def code_node(self, value: object) -> Node | None:
        """Return the node of a function, class, module or asset; None when the object is not code."""


class Encoded:
    """The structure of one object, and the nodes that it refers to by label."""

    __slots__ = ("edges", "structure")

    def __init__(self, structure: Encodable, edges: list[tuple[str, Node]]) -> None:
        """Take both."""
        self.structure = structure
        self.edges = edges

    def own(self) -> str:
        """Return the hash of the structure."""
        return digest("code-value", self.structure)


def encode_value(value: object, links: Links, *, by_reduce: bool = True) -> Encoded:
    """Return an object's structure; raise OpaqueError when it has none."""
    encoder = _Encoder(links, by_reduce=by_reduce)
    structure = encoder.encode(value)
    return Encoded(structure, encoder.edges)


_ATOMS_WITH_SUBCLASSES: tuple[Any, ...] = (str, bytes, int, float)
_ATOMS = (type(None), bool, int, float, str, bytes)
_BY_TYPE_ALONE = (
    type(threading.Lock()),
    type(threading.RLock()),
    threading.Event,
    threading.Condition,
    threading.Semaphore,
    threading.local,
    ContextVar,
    weakref.ReferenceType,
    weakref.WeakKeyDictionary,
    weakref.WeakValueDictionary,
    weakref.WeakSet,
)
"""Synchronisation and per-thread state: its type is all that a fresh process would see."""
_LOGGERS = frozenset({"Logger", "RootLogger", "LoggerAdapter", "BoundLogger", "BoundLoggerLazyProxy"})
_RANDOM = frozenset(
    {"random.Random", "random.SystemRandom", "numpy.random._generator.Generator", "numpy.random.mtrand.RandomState"}
)
_FATAL = (io.IOBase, Generator, Coroutine, AsyncGenerator, types.FrameType, types.TracebackType, types.CellType)
_FATAL_NAMES = frozenset({"socket.socket", "ssl.SSLSocket", "select.epoll", "mmap.mmap", "_io.TextIOWrapper"})


class _Encoder:
    def __init__(self, links: Links, *, by_reduce: bool) -> None:
        self._links = links
        self._by_reduce = by_reduce
        self._open: dict[int, int] = {}
        self.edges: list[tuple[str, Node]] = []

    def encode(self, value: Any, path: str = "") -> Encodable:
        kind = type(value)
        if kind is str:
            return self._text(value)
        if kind in _ATOMS:
            return value
        if id(value) in self._open:
            return ["cycle", len(self._open) - self._open[id(value)]]
        self._open[id(value)] = len(self._open)
        try:
            node = self._links.code_node(value)
            if node is not None:
                return self._refer(node)
            return self._structure(value, kind, path)
        finally:
            del self._open[id(value)]

    def _refer(self, node: Node) -> Encodable:
        label = f"r{len(self.edges)}"
        self.edges.append((label, node))
        return ["ref", label]

    def _text(self, value: str) -> Encodable:
        for name, folder in self._links.places:
            if value.startswith(folder) and (len(value) == len(folder) or value[len(folder)] in "/\\"):
                # A path below the project is the same in every checkout, and one below the home folder for everyone.
                return [name, value[len(folder) :].replace("\\", "/")]
        return value

    def _structure(self, value: Any, kind: type, path: str) -> Encodable:
        if kind in (list, tuple, deque):
            items = [self.encode(item, f"{path}[{place}]") for place, item in enumerate(value)]
            return [kind.__name__, items, value.maxlen] if kind is deque else [kind.__name__, items]
        if kind in (dict, OrderedDict, types.MappingProxyType):
            return [kind.__name__, self._items(value, path)]
        if kind in (set, frozenset):
            return [kind.__name__, self._unordered(list(value), path)]
        if kind is defaultdict:
            return ["defaultdict", self.encode(value.default_factory, path), self._items(value, path)]
        if (found := _scalar(value, kind)) is not None:
            return found
        if isinstance(value, enum.Enum):
            return ["member", self.encode(kind, path), value.name]
        if isinstance(value, pathlib.PurePath):
            return ["path", "pure" if not isinstance(value, pathlib.Path) else "", self._text(str(value))]
        if isinstance(value, functools.partial):
            return ["partial", *(self.encode(part, path) for part in (value.func, value.args, value.keywords))]
        if isinstance(value, (types.MethodType, types.BuiltinMethodType)) and value.__self__ is not None:
            return ["method", self.encode(value.__self__, path), value.__name__, self._method(value, path)]
        if (wrapped := self._descriptor(value, path)) is not None:
            return wrapped
        if (generic := self._typing(value, path)) is not None:
            return generic
        return self._instance(value, kind, path)

    def _method(self, value: Any, path: str) -> Encodable:
        return self.encode(value.__func__, path) if isinstance(value, types.MethodType) else None

    def _items(self, value: Mapping[Any, Any], path: str) -> Encodable:
        return [
            [self.encode(key, path), self.encode(item, f"{path}[{key!r}]" if isinstance(key, (str, int)) else path)]
            for key, item in value.items()
            if not (isinstance(key, str) and key == "__builtins__")  # put into every namespace by exec
        ]

    def _unordered(self, items: list[Any], path: str) -> Encodable:
        """Encode items whose order means nothing; those that refer to code become edges of one label."""
        plain: list[bytes] = []
        label = f"u{len(self.edges)}"
        for item in items:
            inner = _Encoder(self._links, by_reduce=self._by_reduce)
            inner._open = dict(self._open)
            structure = inner.encode(item, path)
            if not inner.edges:
                plain.append(encode(structure))
                continue
            link = Node("link", own=digest("code-value", structure))
            link.edges = inner.edges
            self.edges.append((label, link))
        return [label, sorted(plain)]

    def _descriptor(self, value: Any, path: str) -> Encodable:
        if isinstance(value, property):
            return ["property", *(self.encode(part, path) for part in (value.fget, value.fset, value.fdel))]
        if isinstance(value, (staticmethod, classmethod)):
            return [type(value).__name__, self.encode(value.__func__, path)]
        if isinstance(value, functools.cached_property):
            return ["cached_property", self.encode(value.func, path)]
        if isinstance(value, functools.partialmethod):
            return ["partialmethod", *(self.encode(part, path) for part in (value.func, value.args, value.keywords))]
        if isinstance(value, functools.singledispatchmethod):
            return ["singledispatchmethod", self.encode(value.dispatcher, path), self.encode(value.func, path)]
        if isinstance(value, functools._lru_cache_wrapper):  # noqa: SLF001
            said = value.cache_parameters()
            return ["lru_cache", said["maxsize"], said["typed"], self.encode(value.__wrapped__, path)]
        return None

    def _typing(self, value: Any, path: str) -> Encodable:
        if isinstance(value, (typing.TypeVar, typing.ParamSpec, typing.TypeVarTuple)):
            return ["type variable", value.__name__]
        if isinstance(value, typing.NewType):
            return ["NewType", value.__name__, self.encode(value.__supertype__, path)]
        if isinstance(value, typing.ForwardRef):
            return ["ForwardRef", value.__forward_arg__]
        if isinstance(value, types.UnionType) or typing.get_origin(value) is not None:
            origin = "union" if _is_union(value) else self.encode(typing.get_origin(value), path)
            return ["generic", origin, [self.encode(item, path) for item in typing.get_args(value)]]
        if type(value).__module__ == "typing":
            return ["typing", getattr(value, "_name", None) or getattr(value, "__name__", type(value).__name__)]
        return None

    def _instance(self, value: Any, kind: type, path: str) -> Encodable:
        name = f"{kind.__module__}.{kind.__qualname__}"
        if isinstance(value, _FATAL) or name in _FATAL_NAMES or _is_foreign_memory(kind):
            raise OpaqueError(value, path, fatal=True)
        if isinstance(value, _BY_TYPE_ALONE):
            return ["by type", name]
        if kind.__name__ in _LOGGERS:
            return ["logger"]
        if isinstance(value, Iterator) and kind.__module__ in {"builtins", "itertools", "_csv"}:
            raise OpaqueError(value, path, fatal=True)
        if kind is object:
            return ["object"]
        if name in _RANDOM or isinstance(value, types.ModuleType):
            raise OpaqueError(value, path)
        if (data := self._bulk(value, kind, path)) is not None:
            return data
        node = self._links.code_node(kind)
        if node is not None and node.kind == "class":
            return ["instance", self._refer(node), self._state(value, kind, path)]
        if not self._by_reduce:
            raise OpaqueError(value, path)
        return self._reduced(value, kind, path)

    def _state(self, value: Any, kind: type, path: str) -> Encodable:
        """Encode an instance of a first-party class: what it holds as a container, and its attributes."""
        state: list[Encodable] = []
        for base in _ATOMS_WITH_SUBCLASSES:
            if isinstance(value, base):
                state.append([base.__name__, base.__new__(base, value)])
                break
        if isinstance(value, (list, tuple)):
            state.append([self.encode(item, f"{path}[{place}]") for place, item in enumerate(value)])
        elif isinstance(value, dict):
            state.append(self._items(dict(value), path))
        elif isinstance(value, (set, frozenset)):
            state.append(self._unordered(list(value), path))
        elif isinstance(value, BaseException):
            state.append(self.encode(value.args, path))
        attributes = dict(getattr(value, "__dict__", {}))
        for owner in kind.__mro__:
            slots = vars(owner).get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                name = (
                    slot if not slot.startswith("__") or slot.endswith("__") else f"_{owner.__name__.lstrip('_')}{slot}"
                )
                if name not in {"__dict__", "__weakref__"} and hasattr(value, name):
                    attributes.setdefault(name, getattr(value, name))
        state.append([[name, self.encode(attributes[name], f"{path}.{name}")] for name in sorted(attributes, key=str)])
        return state

    def _bulk(self, value: Any, kind: type, path: str) -> Encodable:
        """Encode arrays and tables by their data: how a library pickles them is its own affair."""
        library = kind.__module__.partition(".")[0]
        if library == "numpy" and hasattr(value, "dtype") and hasattr(value, "tobytes"):
            if value.dtype.hasobject:
                return ["array", str(value.dtype), list(value.shape), self.encode(value.ravel().tolist(), path)]
            return ["array", _dtype_text(value.dtype), list(value.shape), value.tobytes()]
        if library == "numpy" and kind.__name__.endswith("DType"):
            return ["dtype", _dtype_text(value)]
        if library == "pandas" and kind.__name__ in {
            "DataFrame",
            "Series",
            "Index",
            "RangeIndex",
            "DatetimeIndex",
            "MultiIndex",
        }:
            return self._pandas(value, kind, path)
        if library == "polars" and kind.__name__ in {"DataFrame", "Series"}:
            columns = value.get_columns() if kind.__name__ == "DataFrame" else [value]
            return [
                kind.__name__,
                [[item.name, str(item.dtype), self.encode(item.to_list(), path)] for item in columns],
            ]
        if library == "pyarrow" and kind.__name__ in {"Table", "RecordBatch"}:
            fields = [
                [str(field), self.encode(value.column(place).to_pylist(), path)]
                for place, field in enumerate(value.schema)
            ]
            return [kind.__name__, fields]
        return None

    def _pandas(self, value: Any, kind: type, path: str) -> Encodable:
        if kind.__name__ == "DataFrame":
            columns = [[self.encode(name, path), self.encode(value[name], path)] for name in value.columns]
            return ["DataFrame", self.encode(value.index, path), columns]
        index = [] if "Index" in kind.__name__ else [self.encode(value.index, path)]
        return [
            kind.__name__,
            str(getattr(value, "dtype", "")),
            self.encode(getattr(value, "name", None), path),
            self.encode(value.tolist(), path),
            *index,
        ]

    def _reduced(self, value: Any, kind: type, path: str) -> Encodable:
        """Encode another library's object by the state that it would pickle."""
        if kind.__module__.partition(".")[0] in {"re", "_sre"}:
            raise OpaqueError(value, path)
        reducer = copyreg.dispatch_table.get(kind)
        try:
            said = reducer(value) if reducer is not None else value.__reduce_ex__(4)
        except Exception as error:
            raise OpaqueError(value, path) from error
        if isinstance(said, str):
            return ["global", said]
        make, arguments, *rest = said
        parts = [self.encode(_reconstructor(make), path), self.encode(arguments, path)]
        state, items, pairs = [*rest[:3], None, None, None][:3]
        if isinstance(state, dict):
            parts.append([[str(key), self.encode(state[key], f"{path}.{key}")] for key in sorted(state, key=str)])
        else:
            parts.append(self.encode(state, path))
        parts.append([self.encode(item, path) for item in items] if items is not None else None)
        parts.append(
            [[self.encode(key, path), self.encode(item, path)] for key, item in pairs] if pairs is not None else None
        )
        return ["reduced", self.encode(kind, path), *parts]


def _is_foreign_memory(kind: type) -> bool:
    return any(base.__module__ in {"_ctypes", "ctypes"} for base in kind.__mro__)


def _reconstructor(make: Any) -> Any:
    return getattr(make, "__name__", "") if getattr(make, "__module__", "") == "copyreg" else make


def _is_union(value: Any) -> bool:
    return isinstance(value, types.UnionType) or typing.get_origin(value) is typing.Union


def _scalar(value: Any, kind: type) -> Encodable:
    """Encode the small values of the standard library; None for anything else."""
    if kind is complex:
        return ["complex", value.real, value.imag]
    if kind is bytearray:
        return ["bytearray", bytes(value)]
    if kind in (range, slice):
        return [
            kind.__name__,
            *(
                (value.start, value.stop, value.step)
                if kind is range
                else map(repr, (value.start, value.stop, value.step))
            ),
        ]
    if value is ... or value is NotImplemented:
        return ["constant", repr(value)]
    if kind in (dt.datetime, dt.time):
        zone = None if value.tzinfo is None else str(value.tzinfo)
        return [kind.__name__, value.isoformat(), zone, value.fold]
    if kind is dt.date:
        return ["date", value.isoformat()]
    if kind is dt.timedelta:
        return ["timedelta", value.days, value.seconds, value.microseconds]
    if isinstance(value, dt.tzinfo) and kind.__module__ in {"datetime", "zoneinfo", "zoneinfo._common"}:
        return ["tzinfo", str(value)]
    if kind in (decimal.Decimal, fractions.Fraction, uuid.UUID):
        return [kind.__name__, str(value)]
    if kind is re.Pattern:
        return ["pattern", value.pattern, value.flags]
    if value is os.environ:
        return ["environ"]
    if (
        value in (sys.stdout, sys.stderr, sys.stdin, sys.__stdout__, sys.__stderr__)
        if isinstance(value, io.IOBase)
        else False
    ):
        return ["standard stream"]
    return None


def _dtype_text(dtype: Any) -> str:
    return str(dtype.descr) if dtype.names else str(dtype.str)
