"""The data version of any Python value, as kept by the pickle IO manager.

Pickle's bytes are not canonical: a set is written in the order of its hash
table, which changes with PYTHONHASHSEED. So the value is walked as pickle
would walk it (``__reduce_ex__``), and encoded canonically. A value that cannot
be walked so is versioned by the bytes of its pickle.
"""

from __future__ import annotations

import copyreg
import pickle
from types import BuiltinFunctionType, FunctionType
from typing import Any, Final

import xxhash

from assetbuild.fingerprint.encoding import digest

__all__ = ["value_version"]

_PROTOCOL: Final = 5
_PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes})


def value_version(value: Any) -> str:
    """Return the data version of a value; equal structure gives an equal version, in every process.

    Sets count by content, dicts by content and order. Raises TypeError for a value that cannot be pickled.
    """
    try:
        return digest("value", _Walk().version(value))
    except (TypeError, ValueError, AttributeError, RecursionError, pickle.PicklingError):
        return digest("pickle", xxhash.xxh3_128_hexdigest(pickle.dumps(value, protocol=_PROTOCOL)))


class _Walk:
    """One walk over a value. An object met again inside itself is named by its depth, so cycles end."""

    def __init__(self) -> None:
        self._open: dict[int, int] = {}
        self._done: dict[int, tuple[Any, str]] = {}

    def version(self, value: Any) -> str:
        kind = type(value)
        if kind in _PLAIN:
            return digest("plain", value)
        identity = id(value)
        if identity in self._done:
            return self._done[identity][1]
        if identity in self._open:
            return digest("cycle", len(self._open) - self._open[identity])
        self._open[identity] = len(self._open)
        version = self._container(kind, value)
        del self._open[identity]
        self._done[identity] = (value, version)  # the value is held, so that its id is not given away
        return version

    def _container(self, kind: type, value: Any) -> str:
        if kind is list or kind is tuple:
            return digest(kind.__name__, [self.version(item) for item in value])
        if kind is dict:
            return digest("dict", [[self.version(key), self.version(item)] for key, item in value.items()])
        if kind is set or kind is frozenset:
            return digest(kind.__name__, [*sorted(self.version(item) for item in value)])
        if kind is bytearray:
            return digest("bytearray", bytes(value))
        if isinstance(value, (type, FunctionType, BuiltinFunctionType)):
            return digest("global", [*_global_name(value)])
        if hasattr(value, "__arrow_c_stream__"):
            return self._arrow(kind, value)
        return self._reduced(kind, value)

    def _arrow(self, kind: type, value: Any) -> str:
        import pyarrow as pa  # noqa: PLC0415

        from assetbuild.fingerprint.data.tables import table_version  # noqa: PLC0415

        try:
            table = pa.table(value)
        except (TypeError, ValueError):  # a series, or a pandas column of mixed objects
            return self._reduced(kind, value)
        return digest("arrow", [f"{kind.__module__}.{kind.__qualname__}", table_version(table).version])

    def _reduced(self, kind: type, value: Any) -> str:
        reducer = copyreg.dispatch_table.get(kind)
        reduced: Any = reducer(value) if reducer is not None else value.__reduce_ex__(_PROTOCOL)
        if isinstance(reduced, str):
            return digest("global", [getattr(value, "__module__", "") or "", reduced])
        function, arguments, state, items, pairs, setter = (tuple(reduced) + (None,) * 6)[:6]
        if isinstance(state, dict) and all(type(name) is str for name in state):
            state = dict(sorted(state.items()))  # attributes: their order is an accident of assignment
        return digest(
            "object",
            [
                self.version(function),
                self.version(tuple(arguments or ())),
                self.version(state),
                None if items is None else [self.version(item) for item in items],
                None if pairs is None else [[self.version(key), self.version(item)] for key, item in pairs],
                self.version(setter),
            ],
        )


def _global_name(value: Any) -> list[str]:
    name = value.__qualname__
    if "<" in name:  # a lambda or a local function or class: pickle refuses it as well
        message = f"{name} cannot be pickled"
        raise TypeError(message)
    owner = getattr(value, "__self__", None)
    module = value.__module__ or (type(owner).__module__ if owner is not None else "builtins")
    return [module, name]
